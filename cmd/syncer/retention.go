package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"syncer/internal/config"
	"syncer/internal/store"
)

// retain drops the months of the history, and of looks, that are older than the configuration keeps. One shard does it for all.
func (a *app) retain(ctx context.Context, s *store.Store, cfg config.Config, log *slog.Logger) error {
	if cfg.Shard.Index != 0 {
		return nil
	}
	for _, r := range []struct {
		keep       config.Retention
		drop       func(context.Context, time.Time) ([]store.Dropped, error)
		what, kept string
	}{
		{cfg.HistoryRetention, s.DropHistory, "the history", "daily roll-up"},
		{cfg.LooksRetention, s.DropLooks, "looks", "daily numbers of looks"},
	} {
		if r.keep == (config.Retention{}) {
			continue
		}
		dropped, err := r.drop(ctx, a.now().UTC().AddDate(0, -r.keep.Months, -r.keep.Days))
		for _, d := range dropped {
			log.Info("month of "+r.what+" dropped", "month", d.Month.Format("2006-01"), "rows", d.Rows, "kept", r.kept)
		}
		switch {
		case errors.Is(err, store.ErrBusy):
			log.Info("old months of "+r.what+" are left to the next run", "reason", err)
		case err != nil:
			log.Error("old months of "+r.what+" are not dropped", "error", err)
			return err
		}
	}
	return nil
}
