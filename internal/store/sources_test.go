package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
	"syncer/internal/store"
)

func TestSources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if rows, err := w.s.Sources(t.Context(), start); err != nil || len(rows) != 0 {
		t.Fatalf("of an empty database: %v, %v", rows, err)
	}
	repo := func(source, name string) registry.Repo {
		return registry.Repo{Key: registry.RepoKey{Source: source, Name: name}}
	}
	look := func(r registry.Repo, evidence registry.Evidence, list []registry.Image) {
		w.repo = r
		w.look(evidence, list) // an hour later
	}
	look(repo("default", "forgotten"), registry.Complete, images("a", 100)) // on 30 March, and never again
	w.now = w.now.AddDate(0, 0, 8)
	from := w.now
	look(repo("default", "big"), registry.Complete, many(40))
	look(repo("default", "web"), registry.Complete, images("a", 5, "b", 7))
	look(repo("default", "busy"), registry.Drifting, images("a", 1))
	look(repo("other", "web"), registry.Complete, images("a", 2))
	look(repo("default", "big"), registry.Complete, many(1)) // too many vanished: held
	run := w.begin()
	broken := repo("default", "broken")
	if _, err := run.Claim(t.Context(), []registry.Repo{broken}); err != nil {
		t.Fatal(err)
	}
	err := run.Record(t.Context(), []registry.RepoSync{{Repo: broken, Status: registry.RepoFailed, StartedAt: w.now, FinishedAt: w.now, TotalCount: -1, Error: "no"}})
	if err != nil {
		t.Fatal(err)
	}
	run.Close()

	at := func(hours int) *time.Time {
		moment := from.Add(time.Duration(hours) * time.Hour)
		return &moment
	}
	got, err := w.s.Sources(t.Context(), *at(2))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		*got[i].LastCompleteAt = got[i].LastCompleteAt.UTC()
	}
	want := []store.SourceRow{
		// Behind are big (complete at hour 1), busy and broken (never).
		{Source: "default", OK: 1, Drifting: 1, Held: 1, Failed: 1, Behind: 3, Images: 43, PullCount: 13 + 780, LastCompleteAt: at(2)},
		{Source: "other", OK: 1, Images: 1, PullCount: 2, LastCompleteAt: at(4)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if size, err := w.s.Size(t.Context()); err != nil || size < 1<<20 {
		t.Errorf("size %d, %v", size, err)
	}
}

// A look from the future, as of a clock that was ahead, leaves its repo behind, and does not let the others be forgotten.
func TestSourcesReadByAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from := time.Now().UTC()
	w.now = from.Add(-90 * time.Minute)
	w.look(registry.Complete, images("a", 1))
	w.repo.Key.Name = "ahead"
	w.now = from.AddDate(0, 1, 0)
	w.look(registry.Complete, images("a", 1))
	w.repo.Key.Name = "unconfigured"
	w.now = from.Add(-90 * time.Minute)
	w.look(registry.Complete, images("a", 1))
	run := w.begin()
	defer run.Close()
	if err := run.Configured(t.Context(), "default", []registry.RepoKey{{Source: "default", Name: "ucloud"}, {Source: "default", Name: "ahead"}}, w.now); err != nil {
		t.Fatal(err)
	}
	got, err := w.s.Sources(t.Context(), from.Add(-time.Hour))
	if err != nil || len(got) != 1 || got[0].OK != 2 || got[0].Behind != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	w.expect("the repo says so", `SELECT repo, last_status, gone_at IS NOT NULL FROM reporting.repos ORDER BY repo COLLATE "C"`,
		"ahead|ok|false", "ucloud|ok|false", "unconfigured|unconfigured|true")
}

func TestLastGoodRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := func(shard string, status registry.RunStatus) {
		w.now = w.now.Add(time.Hour)
		r, err := w.s.BeginRun(t.Context(), store.NewRun{Kind: registry.RunSync, Shard: shard, Version: "test", StartedAt: w.now})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Finish(t.Context(), registry.RunSummary{Status: status, FinishedAt: w.now.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(shard string, want time.Time) {
		t.Helper()
		if got, err := w.s.LastGoodRun(t.Context(), shard); err != nil || !got.Equal(want) {
			t.Errorf("last good run of %s began at %s, %v; want %s", shard, got, err, want)
		}
	}
	expect("0/1", time.Time{})
	run("0/1", registry.RunOK)
	run("0/1", registry.RunPartial)
	run("0/1", registry.RunFailed)
	run("1/2", registry.RunOK)
	run("0/1", registry.RunAborted)
	expect("0/1", start.Add(2*time.Hour))
	expect("1/2", start.Add(4*time.Hour))
}
