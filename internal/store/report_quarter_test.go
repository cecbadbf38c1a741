package store_test

import (
	"testing"
	"time"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// madeUpQuarter is a database with a hundred days of two repos in it, looked at every six hours, as the store writes it:
// a weekday rhythm, releases, a counter that begins anew, a glitch, an outage, images that come, go and are never used. Its
// numbers are small, so that results can be checked by reading.
func madeUpQuarter(t testing.TB) (dsn string) {
	dsn = migrated(t)
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	shop := registry.Repo{Key: registry.RepoKey{Source: "default", Name: "shop"}, ProjectID: "p-1"}
	base := registry.Repo{Key: registry.RepoKey{Source: "default", Name: "base"}}
	q := quarterStock{"web": 5000, "api": 20000, "worker": 800, "old-tool": 40, "legacy": 7, "alpine": 100, "node": 60}
	for at := time.Date(2031, 3, 1, 0, 30, 0, 0, time.UTC); !at.After(quarterEnd); at = at.Add(6 * time.Hour) {
		q.sixHours(at)
		run, err := s.BeginRun(t.Context(), store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "test", StartedAt: at})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Claim(t.Context(), []registry.Repo{shop, base}); err != nil {
			t.Fatal(err)
		}
		snaps := []registry.Snapshot{q.look(shop, at, "web", "api", "worker", "old-tool", "legacy", "beta")}
		failed := inside(at, "2031-04-14", "2031-04-16")
		sum := registry.RunSummary{Status: registry.RunOK, FinishedAt: at, OK: 2}
		if failed {
			sum.Status, sum.OK, sum.Failed = registry.RunPartial, 1, 1
			err = run.Record(t.Context(), []registry.RepoSync{{
				Repo: base, Status: registry.RepoFailed, StartedAt: at, FinishedAt: at, TotalCount: -1, Error: "connection refused",
			}})
			if err != nil {
				t.Fatal(err)
			}
		} else {
			snaps = append(snaps, q.look(base, at, "alpine", "node"))
		}
		if _, err := run.Apply(t.Context(), snaps, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := run.Finish(t.Context(), sum); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}

// quarterStock are the true counters of the made-up registry's images.
type quarterStock map[string]int64

func inside(at time.Time, first, end string) bool {
	day := at.Format(time.DateOnly)
	return day >= first && day < end
}

// sixHours lets people pull.
func (q quarterStock) sixHours(at time.Time) {
	weekday := at.Weekday() != time.Saturday && at.Weekday() != time.Sunday
	busy := func(image string, workday, weekend int64) {
		if weekday {
			q[image] += workday
		} else {
			q[image] += weekend
		}
	}
	busy("web", 10, 2)
	if !inside(at, "2031-03-01", "2031-05-06") {
		busy("web", 5, 1) // the release was liked
	}
	if !inside(at, "2031-06-06", "2031-07-01") {
		busy("api", 7, 7) // silent in the last days
	}
	busy("worker", 3, 0)
	busy("alpine", 4, 4)
	busy("node", 1, 0)
	if at.Format(time.DateOnly) == "2031-05-20" && at.Hour() == 6 {
		q["api"] = 15
	}
	if inside(at, "2031-06-03", "2031-07-01") {
		q["beta"] += 2
	}
	if at.Format(time.DateOnly) == "2031-03-04" && at.Hour() == 12 {
		q["old-tool"] += 3
	}
}

// look is what the registry answers.
func (q quarterStock) look(repo registry.Repo, at time.Time, names ...string) registry.Snapshot {
	snap := registry.Snapshot{
		Repo: repo, StartedAt: at.Add(-time.Second), FinishedAt: at, Evidence: registry.Complete, Walks: 1, Pages: 1,
	}
	for _, name := range names {
		img := registry.Image{Name: name, PullCount: q[name], Counted: true, LatestTag: "v1"}
		switch {
		case name == "beta" && !inside(at, "2031-06-03", "2031-07-01"), name == "old-tool" && !inside(at, "2031-03-01", "2031-05-25"):
			continue
		case name == "worker" && at.Format(time.DateOnly) == "2031-05-12" && at.Hour() == 6:
			img.PullCount = 0
		case name == "web" && !inside(at, "2031-03-01", "2031-05-06"):
			img.LatestTag = "v2"
		case name == "api" && !inside(at, "2031-03-01", "2031-04-02"):
			img.LatestTag = "v7"
		}
		snap.Images = append(snap.Images, img)
	}
	snap.TotalCount = int64(len(snap.Images))
	return snap
}
