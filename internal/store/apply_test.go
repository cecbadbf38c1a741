package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/store"
)

var start = time.Date(2026, 3, 30, 10, 0, 0, 0, time.UTC)

// world drives a store through the looks of one repo and asks what became of them.
type world struct {
	t    *testing.T
	s    *store.Store
	dsn  string
	now  time.Time
	repo registry.Repo
	opt  store.ApplyOptions
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, migrated(t))
}

// images makes a list of images from name, count pairs; a negative count is one that could not be read.
func images(pairs ...any) []registry.Image {
	var list []registry.Image
	for i := 0; i < len(pairs); i += 2 {
		count := int64(pairs[i+1].(int))
		list = append(list, registry.Image{Name: pairs[i].(string), PullCount: max(count, 0), Counted: count >= 0, LatestTag: "v1"})
	}
	return list
}

// look applies one read of the repo, an hour after the last.
func (w *world) look(evidence registry.Evidence, list []registry.Image) registry.RepoSync {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	return w.apply(registry.Snapshot{
		Repo: w.repo, StartedAt: w.now.Add(-time.Second), FinishedAt: w.now, Images: list, Evidence: evidence,
		Walks: 1, Pages: 1, TotalCount: int64(len(list)),
	})[0]
}

func (w *world) apply(snaps ...registry.Snapshot) []registry.RepoSync {
	w.t.Helper()
	run := w.begin()
	repos := make([]registry.Repo, len(snaps))
	for i := range snaps {
		repos[i] = snaps[i].Repo
	}
	if held, err := run.Claim(w.t.Context(), repos); err != nil || len(held) > 0 {
		w.t.Fatalf("claim: %v, held %v", err, held)
	}
	results, err := run.Apply(w.t.Context(), snaps, w.opt)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := run.Finish(w.t.Context(), registry.RunSummary{Status: registry.RunOK, FinishedAt: w.now}); err != nil {
		w.t.Fatal(err)
	}
	return results
}

func (w *world) begin() *store.Run {
	w.t.Helper()
	run, err := w.s.BeginRun(w.t.Context(), store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "test", StartedAt: w.now})
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// query returns the rows of a query as text, columns joined by a bar, NULL as a dash.
func (w *world) query(sql string, args ...any) []string {
	w.t.Helper()
	conn, err := plain(w.t.Context(), w.dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(w.t.Context(), sql, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		line := ""
		for i, v := range values {
			if i > 0 {
				line += "|"
			}
			switch v := v.(type) {
			case nil:
				line += "-"
			case time.Time:
				line += v.UTC().Format("02T15:04")
			default:
				line += fmt.Sprint(v)
			}
		}
		return line, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) expect(what, sql string, want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.query(sql), cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const historySQL = `SELECT i.name, h.observed_at, h.since, h.pull_count, h.pulls, h.kind, h.generation
FROM syncer.readings h JOIN syncer.images i USING (image_id) WHERE h.kind IS NOT NULL ORDER BY i.name, h.observed_at`

func TestHistoryOfOneRepo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.look(registry.Complete, images("nginx", 10, "redis", 5, "odd", -1)) // 11:00
	if diff := cmp.Diff(registry.RepoSync{
		Repo: w.repo, Status: registry.RepoOK, Complete: true, StartedAt: w.now.Add(-time.Second), FinishedAt: w.now, Walks: 1, Pages: 1,
		TotalCount: 3, Seen: 3, New: 3, HistoryRows: 2,
	}, first); diff != "" {
		t.Errorf("first look (-want +got):\n%s", diff)
	}
	w.look(registry.Complete, images("nginx", 10, "redis", 5, "odd", -1))                   // 12:00
	w.look(registry.Complete, images("nginx", 13, "redis", 0, "odd", 2, "new", 4))          // 13:00
	w.look(registry.Drifting, images("nginx", -1, "redis", 6, "odd", 2))                    // 14:00, new not seen, nginx not counted
	w.look(registry.Complete, images("nginx", 14, "redis", 6, "odd", 2, "new", 4))          // 15:00
	w.look(registry.Complete, images("nginx", 14, "redis", 6, "odd", 2, "new", 9))          // 16:00
	quiet := w.look(registry.Complete, images("nginx", 14, "redis", 6, "odd", 2, "new", 9)) // 17:00
	if quiet.HistoryRows != 0 || quiet.Changed != 0 || quiet.New != 0 {
		t.Errorf("a look without change wrote something: %+v", quiet)
	}
	w.expect("history", historySQL,
		"new|30T13:00|30T12:00|4|4|2|1",
		"new|30T16:00|30T15:00|9|5|3|1",
		"nginx|30T11:00|-|10|-|1|1",
		"nginx|30T13:00|30T12:00|13|3|3|1",
		"nginx|30T15:00|30T13:00|14|1|3|1", // 14:00 was no look at its count
		"odd|30T13:00|-|2|-|1|1",
		"redis|30T11:00|-|5|-|1|1",
		"redis|30T13:00|30T12:00|0|0|5|1",
		"redis|30T14:00|30T13:00|6|1|6|1",
	)
	w.expect("roll-up", `SELECT i.name, d.day, d.pulls, d.pull_count, d.resets FROM syncer.image_days d JOIN syncer.images i USING (image_id) ORDER BY 1, 2`,
		"new|30T00:00|9|9|0", "nginx|30T00:00|4|14|0", "odd|30T00:00|-|2|0", "redis|30T00:00|1|6|0")
	w.expect("repo days", `SELECT day, looks, complete_looks, images, pulls FROM syncer.repo_days`, "30T00:00|7|6|4|14")
	w.expect("repo", `SELECT images, pull_count, first_seen_at, last_look_at, last_complete_at, last_status FROM syncer.repos`,
		"4|31|30T11:00|30T17:00|30T17:00|ok")
	w.expect("own times are cleared", `SELECT name FROM syncer.images WHERE last_seen_at IS NOT NULL OR last_counted_at IS NOT NULL OR absence > 0`)
}
