package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"syncer/internal/config"
	"syncer/internal/metrics"
	"syncer/internal/registry"
	"syncer/internal/schedule"
	"syncer/internal/store"
	"syncer/internal/syncer"
	"syncer/internal/web"
)

// daemon is syncer run, once everything it needs is there.
type daemon struct {
	app     *app
	cfg     config.Config
	log     *slog.Logger
	store   *store.Store
	metrics *metrics.Metrics
	lanes   []syncer.Lane
	spec    schedule.Schedule
	page    *web.Page

	interrupted error // of the last run: what it was stopped by with work undone

	reading sync.Mutex // guards what follows
	read    time.Time  // when the metrics were last read from the database
}

// serve runs and answers until the context ends. The answers go on while the last run is brought to its end.
func (d *daemon) serve(ctx context.Context, listener net.Listener) error {
	last, err := d.store.LastGoodRun(ctx, d.cfg.Shard.String())
	if err != nil {
		return err
	}
	catchUp := d.spec.Missed(last, d.app.now())
	d.metrics.WatchProcess()
	d.metrics.WatchSchedule(func() time.Time { return d.spec.Next(d.app.now()) }, d.period())
	d.announce(ctx, listener, catchUp)

	// A server that cannot go on ends the runs; the end of the runs ends the server.
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	answering, stopAnswering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAnswering()
	site := web.Site{Ready: d.ready, Metrics: d.metrics.Handler(d.freshen), Page: d.page, Logger: d.log}
	var served error
	var serving sync.WaitGroup
	serving.Go(func() {
		served = web.Serve(answering, listener, site.Handler(), d.log)
		stop(served)
	})
	d.loop(catchUp).Run(working)
	stopAnswering()
	serving.Wait()
	d.log.InfoContext(ctx, "daemon stopped", "work_undone", d.interrupted != nil)
	return errors.Join(served, d.interrupted)
}

// once does one run. What is wrong with it is in the log, the record and the metrics; the daemon goes on.
func (d *daemon) once(ctx context.Context) {
	err := d.app.measuredRun(ctx, d.metrics, func() error {
		if err := d.store.CheckSchema(ctx); err != nil { // it may have been migrated while this program was running
			return err
		}
		_, err := d.app.oneRun(ctx, d.store, d.cfg, d.lanes, d.metrics, syncFlags{}, d.log)
		return err
	})
	d.page.Forget()
	d.forgetState()
	if exitCode(ctx, err) > exitSignal {
		d.interrupted = err
	}
	if err != nil {
		d.log.ErrorContext(ctx, "run is not complete", "exit_code", exitCode(ctx, err), "error", err)
	}
}

func (d *daemon) panicked(string) {
	d.metrics.RunEnds(registry.RunSync, endingPanicked, 0, d.app.now())
}

func (d *daemon) period() time.Duration { return d.spec.Period(d.app.now()) }

// ready reports whether runs can work.
func (d *daemon) ready(ctx context.Context) error {
	return d.store.CheckSchema(ctx)
}

// stateKept is how long what the metrics tell of the database is good for, however many scrape them.
const (
	stateKept    = 15 * time.Second
	stateTimeout = 5 * time.Second
)

// freshen reads the state of the database for the metrics.
func (d *daemon) freshen(ctx context.Context) {
	d.reading.Lock()
	defer d.reading.Unlock()
	now := d.app.now()
	if now.Sub(d.read).Abs() < stateKept {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	if err := d.metrics.ReadDatabase(ctx, d.store, now.Add(-behindPeriods*d.period())); err != nil {
		d.log.WarnContext(ctx, "metrics are without the state of the database", "error", err)
	}
	d.read = now
}

// forgetState makes the next scrape see what a run has changed.
func (d *daemon) forgetState() {
	d.reading.Lock()
	defer d.reading.Unlock()
	d.read = time.Time{}
}
