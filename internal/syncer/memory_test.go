package syncer_test

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"syncer/internal/registry"
	"syncer/internal/syncer"
)

// memory is a Sink that remembers what a database would tell the next run. It is a record, too.
type memory struct {
	mu    sync.Mutex
	known map[registry.RepoKey]registry.KnownRepo
	run   map[string]registry.RepoSync // of the latest run
}

func newMemory() *memory { return &memory{known: map[registry.RepoKey]registry.KnownRepo{}} }

func (m *memory) Begin(context.Context, syncer.NewRun) (syncer.Record, error) {
	m.run = map[string]registry.RepoSync{}
	return m, nil
}

func (m *memory) Known(context.Context, string) ([]registry.KnownRepo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.known), func(a, b registry.KnownRepo) int { return strings.Compare(a.Key.Name, b.Key.Name) }), nil
}

func (m *memory) ID() int64 { return 1 }

func (m *memory) Claim(context.Context, []registry.Repo) ([]registry.RepoKey, error) { return nil, nil }

func (m *memory) Apply(_ context.Context, snaps []registry.Snapshot, _ func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var results []registry.RepoSync
	for _, snap := range snaps {
		repo, result := snap.Repo, registry.RepoSync{Repo: snap.Repo, Status: registry.RepoDrifting, Seen: len(snap.Images), Walks: snap.Walks}
		if snap.Evidence == registry.Complete {
			result.Status = registry.RepoOK
			m.known[repo.Key] = registry.KnownRepo{Repo: repo, LastComplete: snap.FinishedAt}
		}
		m.run[repo.Key.Name] = result
		results = append(results, result)
	}
	return results, nil
}

func (m *memory) Record(_ context.Context, results []registry.RepoSync) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, result := range results {
		m.run[result.Repo.Key.Name] = result
	}
	return nil
}

func (m *memory) Configured(context.Context, string, []registry.RepoKey, time.Time) error { return nil }

func (m *memory) Finish(context.Context, registry.RunSummary) error { return nil }
func (m *memory) Close()                                            {}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func valuesOf(m map[string]int) iter.Seq[int] { return maps.Values(m) }
