package main

import (
	"context"

	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// storeSink lets runs write into a store. A dry run does the same, and takes it back.
type storeSink struct {
	*store.Store
	dryRun bool
}

func (s storeSink) Begin(ctx context.Context, run syncer.NewRun) (syncer.Record, error) {
	if s.dryRun {
		return storeRecord{s.BeginDryRun()}, nil
	}
	r, err := s.BeginRun(ctx, store.NewRun(run))
	if err != nil {
		return nil, err
	}
	return storeRecord{r}, nil
}

type storeRecord struct{ *store.Run }

func (r storeRecord) Apply(ctx context.Context, snaps []registry.Snapshot, allow func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	return r.Run.Apply(ctx, snaps, store.ApplyOptions{AllowMassDelete: allow})
}
