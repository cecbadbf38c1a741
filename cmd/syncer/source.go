package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"syncer/internal/config"
	"syncer/internal/fetch"
	"syncer/internal/metrics"
	"syncer/internal/syncer"
)

// openLanes makes a reader of every configured source.
func (a *app) openLanes(cfg config.Config, in config.Input, m *metrics.Metrics, log *slog.Logger) ([]syncer.Lane, error) {
	lanes := make([]syncer.Lane, len(cfg.Sources))
	for i, s := range cfg.Sources {
		opt := fetchOptions(cfg, s, log, a.now)
		opt.Observe = func(action, outcome string, took time.Duration) { m.Request(s.Name, action, outcome, took) }
		opt.Refresh = rereadCredentials(s.Name, opt.Credentials, func() (config.Config, error) {
			cfg, _, err := a.load(in)
			return cfg, err
		})
		source, err := fetch.New(opt)
		if err != nil {
			return nil, fmt.Errorf("open source %q: %w", s.Name, err)
		}
		m.AddSource(s.Name, func() int64 { return source.Traffic().Retries })
		// Each repo in flight has at least one request in flight, so more readers than those would only hold memory.
		lanes[i] = syncer.Lane{Source: source, Readers: s.Concurrency}
	}
	return lanes, nil
}

var errUnchanged = errors.New("they are still the same")

// rereadCredentials looks for credentials that somebody has renewed, in the files that hold them.
func rereadCredentials(source string, last fetch.Credentials, load func() (config.Config, error)) func(context.Context) (fetch.Credentials, error) {
	return func(context.Context) (fetch.Credentials, error) { // never called twice at once
		cfg, err := load()
		if err != nil {
			return fetch.Credentials{}, err
		}
		for _, s := range cfg.Sources {
			if c := credentials(s); s.Name == source && c != last {
				last = c
				return c, nil
			}
		}
		return fetch.Credentials{}, errUnchanged
	}
}

func credentials(s config.Source) fetch.Credentials {
	return fetch.Credentials{
		PublicKey:     s.Credentials.PublicKey.Reveal(),
		PrivateKey:    s.Credentials.PrivateKey.Reveal(),
		SecurityToken: s.Credentials.SecurityToken.Reveal(),
	}
}

func fetchOptions(cfg config.Config, s config.Source, log *slog.Logger, now func() time.Time) fetch.Options {
	opt := fetch.Options{
		Name:           s.Name,
		BaseURL:        s.APIBaseURL,
		Credentials:    credentials(s),
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
