package main

import (
	"testing"
	"time"

	"syncer/internal/store"
)

func TestStaleRepos(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time {
		at := now.Add(-d)
		return &at
	}
	repos := []store.RepoRow{
		{Source: "a", Repo: "fresh", LastCompleteSyncAt: ago(time.Hour), LastAttemptAt: ago(time.Hour)},
		{Source: "a", Repo: "never read", LastAttemptAt: ago(time.Hour)},
		{Source: "a", Repo: "old", LastCompleteSyncAt: ago(5 * time.Hour), LastAttemptAt: ago(time.Hour)},
		{Source: "a", Repo: "not configured", LastCompleteSyncAt: ago(200 * time.Hour), LastAttemptAt: ago(200 * time.Hour)},
		{Source: "b", Repo: "of a source that nobody reads", LastCompleteSyncAt: ago(200 * time.Hour), LastAttemptAt: ago(200 * time.Hour)},
		{Source: "a", Repo: "imported"},
	}
	result := newStatusResult(nil, repos, now, 3*time.Hour)
	want := map[string]bool{"never read": true, "old": true, "of a source that nobody reads": true}
	for _, r := range result.Repos {
		if r.Stale != want[r.Repo] {
			t.Errorf("%s: stale = %t", r.Repo, r.Stale)
		}
	}
	if result.Stale != len(want) || result.tooOld(3*time.Hour) == nil {
		t.Errorf("%d stale repos, %v", result.Stale, result.tooOld(3*time.Hour))
	}
	if err := newStatusResult(nil, repos[:1], now, 3*time.Hour).tooOld(3 * time.Hour); err != nil {
		t.Error(err)
	}
}
