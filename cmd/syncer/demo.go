package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/fakeapi"
	"syncer/internal/fetch"
	"syncer/internal/localpg"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

const (
	demoDays    = 28
	maxDemoDays = 400
	demoStep    = 6 * time.Hour // between two runs of the simulated time
	demoTop     = 15            // images shown
)

func (a *app) demoCommand() *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Sync some weeks of a simulated registry into a private database and show what comes of it",
		Long: `Runs a simulated registry and a private PostgreSQL, lets the registry live through some weeks with releases, an outage, a counter
reset and a glitch, syncs it every six simulated hours the way syncer sync does, and shows the result. Needs no credentials,
no database and no network, and leaves nothing behind.`,
		Example: "  syncer demo\n  syncer demo --days 60",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 1 || days > maxDemoDays {
				return usageError{fmt.Errorf("--days must be between 1 and %d", maxDemoDays)}
			}
			return a.demo(cmd.Context(), days)
		},
	}
	cmd.Flags().IntVar(&days, "days", demoDays, "simulated `DAYS`")
	return cmd
}

func (a *app) demo(ctx context.Context, days int) error {
	_, log, err := a.load(config.Input{})
	if err != nil {
		return err
	}
	quiet := log
	if !log.Enabled(ctx, slog.LevelDebug) {
		quiet = slog.New(slog.DiscardHandler) // a hundred runs would bury the result under their logs
	}
	return withServer(ctx, localpg.Options{Logger: quiet}, func(dsn string) error {
		return withStore(ctx, dsn, quiet, true, func(s *store.Store) error {
			start := a.now().UTC().Truncate(time.Hour).AddDate(0, 0, -days)
			sim := fakeapi.NewSimulation(fakeapi.SimulationConfig{Seed: 1, Start: start, Days: days, Step: demoStep})
			bar := a.newProgress(ctx, "simulated runs", log)
			err := demoRuns(ctx, s, sim, quiet, bar.show, days*int(24*time.Hour/demoStep)+1)
			bar.stop()
			if err != nil {
				return err
			}
			return a.demoReport(ctx, s, start, days)
		})
	})
}

// demoRuns syncs after every step of the simulation, with its clock.
func demoRuns(ctx context.Context, s *store.Store, sim *fakeapi.Simulation, log *slog.Logger, show func(done, total int), total int) error {
	server, err := fakeapi.NewServer(sim.World(), fakeapi.FaultFunc(sim.Fault))
	if err != nil {
		return err
	}
	defer server.Close()
	for done := 0; ; done++ {
		show(done, total)
		source, err := fetch.New(fetch.Options{
			Name: "demo", BaseURL: server.URL, Credentials: fetch.Credentials{PublicKey: server.PublicKey, PrivateKey: server.PrivateKey},
			Projects: []fetch.Project{{Discover: fetch.DiscoverAll}}, Logger: log, Now: sim.World().Now,
			MaxAttempts: 1, // the simulated outage lasts whole runs, and nobody wants to wait for it
		})
		if err != nil {
			return fmt.Errorf("open the simulated registry: %w", err)
		}
		_, err = syncer.New(storeSink{s}, []syncer.Lane{{Source: source, Readers: 4}}, syncer.Options{
			Kind: registry.RunSync, Version: version(), Shards: 1, Now: sim.World().Now, Logger: log,
		}).Run(ctx)
		if err != nil {
			return err
		}
		if !sim.Step() {
			return nil
		}
	}
}

// demoResult is what demo prints.
type demoResult struct {
	From time.Time   `json:"from"`
	To   time.Time   `json:"to"`
	Top  []topImage  `json:"top_images"`
	Runs []statusRun `json:"runs"`
}

type topImage struct {
	Rank      int64  `json:"rank"`
	Source    string `json:"source"`
	Repo      string `json:"repo"`
	Image     string `json:"image"`
	Pulls     int64  `json:"pulls"`
	PullCount *int64 `json:"pull_count"`
}

func (a *app) demoReport(ctx context.Context, s *store.Store, start time.Time, days int) error {
	result := demoResult{From: start, To: start.AddDate(0, 0, days), Top: []topImage{}}
	top, err := s.Top(ctx, store.ReportFilter{From: result.From, To: result.To.Add(time.Second), Limit: demoTop})
	if err != nil {
		return err
	}
	for _, t := range top {
		result.Top = append(result.Top, topImage{Rank: t.Rank, Source: t.Source, Repo: t.Repo, Image: t.Image, Pulls: t.Pulls, PullCount: t.PullCount})
	}
	runs, err := s.Runs(ctx, lastRuns)
	if err != nil {
		return err
	}
	if len(runs) == 0 || len(top) == 0 {
		return errors.New("the demo left no pulls in its database")
	}
	result.Runs = newStatusResult(runs, nil, result.To, 0).Runs
	return a.print(result, func(p *printer) {
		p.line("Most pulled images from %s to %s:", result.From.Format(time.DateOnly), result.To.Format(time.DateOnly))
		var rows [][]any
		for _, t := range result.Top {
			rows = append(rows, []any{t.Rank, t.Repo, t.Image, t.Pulls, t.PullCount})
		}
		p.table([]string{"RANK", "REPO", "IMAGE", "PULLS", "COUNTER"}, rows)
		p.line("")
		p.line("The last runs:")
		p.runs(result.Runs)
	})
}
