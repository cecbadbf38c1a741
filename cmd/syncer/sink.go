package main

import (
	"context"

	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// storeSink lets runs write into a store.
type storeSink struct{ *store.Store }

func (s storeSink) Begin(ctx context.Context, run syncer.NewRun) (syncer.Record, error) {
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

// previewSink is for runs that only tell what they would write. They leave no trace, so they claim nothing either.
type previewSink struct{ *store.Store }

func (s previewSink) Begin(context.Context, syncer.NewRun) (syncer.Record, error) {
	return previewRecord(s), nil
}

type previewRecord struct{ *store.Store }

func (r previewRecord) Apply(ctx context.Context, snaps []registry.Snapshot, allow func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	results := make([]registry.RepoSync, len(snaps))
	for i, snap := range snaps {
		var err error
		if results[i], err = r.Preview(ctx, snap, store.ApplyOptions{AllowMassDelete: allow}); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (previewRecord) ID() int64 { return 0 }
func (previewRecord) Claim(context.Context, []registry.Repo) ([]registry.RepoKey, error) {
	return nil, nil
}
func (previewRecord) Record(context.Context, []registry.RepoSync) error { return nil }
func (previewRecord) Finish(context.Context, registry.RunSummary) error { return nil }
func (previewRecord) Close()                                            {}
