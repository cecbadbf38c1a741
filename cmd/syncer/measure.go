package main

import (
	"context"
	"log/slog"
	"time"

	"syncer/internal/config"
	"syncer/internal/metrics"
	"syncer/internal/registry"
	"syncer/internal/schedule"
	"syncer/internal/syncer"
)

// measuredRun does a run and counts how it ended.
func (a *app) measuredRun(ctx context.Context, m *metrics.Metrics, do func() error) error {
	began := a.now()
	m.RunBegins()
	err := do()
	ended := a.now()
	m.RunEnds(registry.RunSync, endingName(exitCode(ctx, err)), ended.Sub(began), ended)
	return err
}

// measuredSink tells how long it takes to write groups of repos.
type measuredSink struct {
	syncer.Sink
	metrics *metrics.Metrics
	now     func() time.Time
}

func (s measuredSink) Begin(ctx context.Context, run syncer.NewRun) (syncer.Record, error) {
	r, err := s.Sink.Begin(ctx, run)
	if err != nil {
		return nil, err
	}
	return measuredRecord{r, s}, nil
}

// openRecord is embedded by this name because a Record has a method of its own.
type openRecord = syncer.Record

type measuredRecord struct {
	openRecord
	sink measuredSink
}

func (r measuredRecord) Apply(ctx context.Context, snaps []registry.Snapshot, allow func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	began := r.sink.now()
	results, err := r.openRecord.Apply(ctx, snaps, allow)
	r.sink.metrics.Applied(r.sink.now().Sub(began))
	return results, err
}

// behindPeriods is for how many periods of the schedule a repo may go without a complete look before it is behind.
const behindPeriods = 2

// exportTimeout bounds the export of metrics. Nobody should wait for them at the end of a run.
const exportTimeout = 10 * time.Second

// exportMetrics hands the metrics of a one-shot run to who collects them. A run whose metrics are lost is a good run.
func (a *app) exportMetrics(ctx context.Context, cfg config.Config, m *metrics.Metrics, log *slog.Logger) {
	if cfg.MetricsFile != "" {
		if err := m.WriteFile(cfg.MetricsFile); err != nil {
			log.WarnContext(ctx, "metrics file is not written", "error", err)
		}
	}
	if cfg.PushgatewayURL.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
	defer cancel()
	if err := m.Push(ctx, cfg.PushgatewayURL.Reveal(), cfg.Shard.String()); err != nil {
		log.WarnContext(ctx, "metrics are not pushed", "error", err)
	}
}

// wantsMetrics reports whether anybody collects the metrics of a one-shot run.
func wantsMetrics(cfg config.Config) bool {
	return cfg.MetricsFile != "" || !cfg.PushgatewayURL.IsZero()
}

// readState reads the gauges of a one-shot run, for which the schedule is that of whoever starts it.
func (a *app) readState(ctx context.Context, cfg config.Config, m *metrics.Metrics, db metrics.Database, log *slog.Logger) {
	spec, err := schedule.Parse(cfg.Schedule, cfg.Timezone.Location())
	if err != nil {
		log.WarnContext(ctx, "metrics are without the schedule", "error", err)
		return
	}
	period := spec.Period(a.now())
	m.SetPeriod(period)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exportTimeout)
	defer cancel()
	if err := m.ReadDatabase(ctx, db, a.now().Add(-behindPeriods*period)); err != nil {
		log.WarnContext(ctx, "metrics are without the state of the database", "error", err)
	}
}
