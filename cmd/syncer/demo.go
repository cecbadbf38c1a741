package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/demo"
	"syncer/internal/fakeapi"
	"syncer/internal/fetch"
	"syncer/internal/localpg"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

const (
	demoDays    = 90
	maxDemoDays = 400
	demoStep    = 6 * time.Hour // between two runs of the simulated time
)

// demoFlags are the flags of demo.
type demoFlags struct {
	days   int
	keep   bool
	listen string
	file   string
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Sync some months of a simulated registry into a private database and show what comes of it",
		Long: `Runs a simulated registry and a private PostgreSQL, lets the registry live through some months with releases, an outage, a counter
reset and a glitch, syncs it every six simulated hours the way syncer sync does, and shows the reports. Needs no credentials,
no database and no network, and leaves nothing behind but the HTML page it names.`,
		Example: "  syncer demo\n  syncer demo --days 30 -o /tmp/demo.html\n  syncer demo --listen 127.0.0.1:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.days < 1 || f.days > maxDemoDays {
				return usageError{fmt.Errorf("--days must be between 1 and %d", maxDemoDays)}
			}
			f.keep = f.keep || cmd.Flags().Changed("listen")
			return a.demo(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.days, "days", demoDays, "simulated `DAYS`")
	flags.BoolVar(&f.keep, "keep", false, "leave database and page up until interrupted")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "`ADDRESS` to show the page on until interrupted, as with --keep; port 0 is any that is free")
	flags.StringVarP(&f.file, "out", "o", "syncer-demo.html", "write the page to this `FILE`")
	return cmd
}

func (a *app) demo(ctx context.Context, f demoFlags) error {
	_, log, err := a.load(config.Input{})
	if err != nil {
		return err
	}
	quiet := log
	if !log.Enabled(ctx, slog.LevelDebug) {
		quiet = slog.New(slog.DiscardHandler) // hundreds of runs would bury the result under their logs
	}
	return withServer(ctx, localpg.Options{Logger: quiet}, func(dsn string) error {
		return withStore(ctx, dsn, quiet, true, func(s *store.Store) error {
			start := a.now().UTC().Truncate(time.Hour).AddDate(0, 0, -f.days)
			sim := demo.NewSimulation(demo.SimulationConfig{Seed: 1, Start: start, Days: f.days, Step: demoStep})
			bar := a.newProgress(ctx, "simulated runs", log)
			err := demoRuns(ctx, s, sim, quiet, bar.show, f.days*int(24*time.Hour/demoStep)+1)
			bar.stop()
			if err != nil {
				return err
			}
			return a.demoReports(ctx, s, demoResult{From: start, To: start.AddDate(0, 0, f.days)}, dsn, f)
		})
	})
}

// demoRuns syncs after every step of the simulation, with its clock.
func demoRuns(ctx context.Context, s *store.Store, sim *demo.Simulation, log *slog.Logger, show func(done, total int), total int) error {
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
		_, err = syncer.New(storeSink{s, false}, []syncer.Lane{{Source: source, Readers: 4}}, syncer.Options{
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
