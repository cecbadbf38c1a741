package main

import (
	"strings"
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
		{Source: "a", Repo: "gone", LastCompleteSyncAt: ago(5 * time.Hour), LastAttemptAt: ago(4 * time.Hour), GoneAt: ago(4 * time.Hour)},
		{Source: "a", Repo: "never read and taken out", LastAttemptAt: ago(2 * time.Hour), GoneAt: ago(time.Hour)},
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

// A clock that was ahead, and was set right, makes nothing fresh and nobody forgotten.
func TestLooksFromTheFuture(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time {
		at := now.Add(d)
		return &at
	}
	repos := []store.RepoRow{
		{Source: "a", Repo: "a month ahead", LastCompleteSyncAt: at(720 * time.Hour), LastAttemptAt: at(720 * time.Hour)},
		{Source: "a", Repo: "an hour ahead", LastCompleteSyncAt: at(time.Hour), LastAttemptAt: at(time.Hour)},
		{Source: "a", Repo: "seconds ahead", LastCompleteSyncAt: at(20 * time.Second), LastAttemptAt: at(20 * time.Second)},
		{Source: "a", Repo: "old", LastCompleteSyncAt: at(-24 * time.Hour), LastAttemptAt: at(-24 * time.Hour)},
	}
	result := newStatusResult(nil, repos, now, 3*time.Hour)
	for i, want := range []bool{true, true, false, true} {
		if got := result.Repos[i]; got.Stale != want || got.Forgotten {
			t.Errorf("%+v, want stale %t", got, want)
		}
	}
	if err := result.tooOld(3 * time.Hour); result.Ahead != 2 || err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("%d ahead, %v", result.Ahead, err)
	}
}
