package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/metrics"
	"syncer/internal/report"
	"syncer/internal/schedule"
	"syncer/internal/store"
	"syncer/internal/web"
)

func (a *app) runCommand() *cobra.Command {
	var spec, zone, listen string
	var migrate bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Sync by a schedule until told to stop, and answer over HTTP",
		Long: `Does what syncer sync does at the moments of a cron schedule, one run at a time, until SIGTERM or SIGINT. Begins with a run at
once when the last good one is older than the schedule. Answers on /healthz, /readyz and /metrics, and with the report on /.

Ends with 0 when it was idle or could finish its run within the grace period, else with 143 or 130.`,
		Example: `  syncer run
  syncer run --schedule "*/15 * * * *" --timezone Asia/Shanghai --listen 127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in := config.Input{Need: config.NeedSource | config.NeedDatabase, Flags: map[string]config.Flag{}}
			for name, value := range map[string]string{"schedule": spec, "timezone": zone, "listen": listen} {
				if value != "" {
					in.Flags[name] = config.Flag{Name: "--" + name, Value: value}
				}
			}
			return a.daemon(cmd.Context(), in, migrate)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&spec, "schedule", "", "cron `SPEC`: minute, hour, day of month, month, day of week, or @every 90s"+defaultOf("schedule"))
	flags.StringVar(&zone, "timezone", "", "time `ZONE` of the schedule, such as Asia/Shanghai or +08:00"+defaultOf("timezone"))
	flags.StringVar(&listen, "listen", "", "`ADDRESS` of the HTTP server"+defaultOf("listen"))
	flags.BoolVar(&migrate, "migrate", false, "bring the database's schema up to date first; always done for local:DIR")
	return cmd
}

func checkSchedule(spec string) error {
	_, err := schedule.Parse(spec, time.UTC)
	return err
}

// upcoming is how many moments of the schedule are told at the start.
const upcoming = 5

// daemon holds everything it needs before it says that it runs, so that what cannot work ends it at once.
func (a *app) daemon(ctx context.Context, in config.Input, migrate bool) error {
	in.Schedule = checkSchedule
	cfg, log, err := a.load(in)
	if err != nil {
		return err
	}
	spec, err := schedule.Parse(cfg.Schedule, cfg.Timezone.Location())
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	defer listener.Close() // again, when it was served
	_, local := cfg.LocalDir()
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, migrate || local, func(s *store.Store) error {
			m := metrics.New(version(), endingNames())
			lanes, err := a.openLanes(cfg, in, m, log)
			if err != nil {
				return err
			}
			d := &daemon{
				app: a, cfg: cfg, log: log, store: s, metrics: m, lanes: lanes, spec: spec,
				page: web.NewPage(func(ctx context.Context, w io.Writer, days int) error { return a.writePage(ctx, s, w, days) }, pageKept, a.now, log),
			}
			return d.serve(ctx, listener)
		})
	})
}

// pageKept is how long the report page is good for when no run makes it old.
const pageKept = 5 * time.Minute

func (a *app) writePage(ctx context.Context, s *store.Store, w io.Writer, days int) error {
	page, err := report.Collect(ctx, s, report.Query{Days: days, Now: a.now()})
	if err != nil {
		return err
	}
	return page.HTML(w)
}

// loop is the schedule of the daemon's runs.
func (d *daemon) loop(catchUp bool) schedule.Loop {
	return schedule.Loop{
		Schedule: d.spec, Job: d.once, CatchUp: catchUp, Jitter: d.cfg.Jitter, Timeout: d.cfg.RunTimeout, Rand: rand.Float64,
		Logger: d.log, Skipped: d.metrics.Skipped, Panicked: d.panicked,
	}
}

// announce tells what is going to happen.
func (d *daemon) announce(ctx context.Context, listener net.Listener, catchUp bool) {
	var next []string
	for _, at := range d.spec.Upcoming(d.app.now(), upcoming) {
		next = append(next, at.Format(time.RFC3339))
	}
	d.log.LogAttrs(ctx, slog.LevelInfo, "daemon started", slog.String("version", version()), slog.String("listen", listener.Addr().String()),
		slog.String("schedule", d.cfg.Schedule), slog.String("timezone", d.cfg.Timezone.String()), slog.Any("next_runs", next),
		slog.Bool("run_now", catchUp))
}
