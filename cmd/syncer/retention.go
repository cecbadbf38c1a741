package main

import (
	"context"
	"log/slog"

	"syncer/internal/config"
	"syncer/internal/store"
)

// retain drops the months of the history that are older than the configuration keeps. One shard does it for all.
func (a *app) retain(ctx context.Context, s *store.Store, cfg config.Config, log *slog.Logger) error {
	keep := cfg.HistoryRetention
	if keep == (config.Retention{}) || cfg.Shard.Index != 0 {
		return nil
	}
	dropped, err := s.DropHistory(ctx, a.now().UTC().AddDate(0, -keep.Months, -keep.Days))
	for _, d := range dropped {
		log.Info("month of the history dropped", "month", d.Month.Format("2006-01"), "rows", d.Rows, "kept", "daily roll-up")
	}
	if err != nil {
		log.Error("history is not dropped", "error", err)
	}
	return err
}
