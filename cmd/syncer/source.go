package main

import (
	"fmt"
	"log/slog"
	"time"

	"syncer/internal/config"
	"syncer/internal/fetch"
	"syncer/internal/syncer"
)

// openLanes makes a reader of every configured source.
func openLanes(cfg config.Config, log *slog.Logger, now func() time.Time) ([]syncer.Lane, error) {
	lanes := make([]syncer.Lane, len(cfg.Sources))
	for i, s := range cfg.Sources {
		source, err := fetch.New(fetchOptions(cfg, s, log, now))
		if err != nil {
			return nil, fmt.Errorf("open source %q: %w", s.Name, err)
		}
		// Each repo in flight has at least one request in flight, so more readers than those would only hold memory.
		lanes[i] = syncer.Lane{Source: source, Readers: s.Concurrency}
	}
	return lanes, nil
}

func fetchOptions(cfg config.Config, s config.Source, log *slog.Logger, now func() time.Time) fetch.Options {
	opt := fetch.Options{
		Name:    s.Name,
		BaseURL: s.APIBaseURL,
		Credentials: fetch.Credentials{
			PublicKey:     s.Credentials.PublicKey.Reveal(),
			PrivateKey:    s.Credentials.PrivateKey.Reveal(),
			SecurityToken: s.Credentials.SecurityToken.Reveal(),
		},
		Headers:        map[string]string{},
		Zone:           s.TimeZone.Location(),
		PageSize:       s.PageSize,
		Concurrency:    s.Concurrency,
		RateLimit:      s.RateLimit,
		Shards:         cfg.Shard.Count,
		RequestTimeout: s.RequestTimeout,
		MaxAttempts:    s.MaxAttempts,
		Logger:         log,
		UserAgent:      "syncer/" + version(),
		Now:            now,
	}
	for name, value := range s.Headers {
		opt.Headers[name] = value.Reveal()
	}
	for _, p := range s.Projects {
		opt.Projects = append(opt.Projects, fetch.Project{
			ID: p.ID, Repos: p.Repos, Discover: string(p.Discover), Include: p.Include, Exclude: p.Exclude,
		})
	}
	return opt
}
