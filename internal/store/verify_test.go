package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/store"
)

func utc(string) *time.Location { return time.UTC }

// verify returns what Verify reports, without the repo.
func (w *world) verify(repair bool) []string {
	w.t.Helper()
	var list []string
	if _, err := w.s.Verify(w.t.Context(), store.VerifyOptions{Zone: utc, Repair: repair}, func(d store.Difference) {
		list = append(list, fmt.Sprintf("%s %s: %s, derived %s", d.Image, d.What, d.Stored, d.Derived))
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) exec(sql string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

// season gives the repo a history with every kind of row in it.
func (w *world) season() {
	for _, counts := range [][]any{
		{"a", 10, "b", 100, "c", -1}, {"a", 12, "b", 80, "c", 1}, {"a", 0, "b", 3, "c", 1, "d", 6},
		{"a", 13, "b", 3, "c", 2, "d", 6}, {"a", 13, "b", 9, "c", 2, "d", 6},
	} {
		w.look(registry.Complete, images(counts...))
	}
	w.now = w.now.Add(24 * time.Hour)
	w.look(registry.Complete, images("a", 15, "b", 1, "c", 2))
}

func TestVerifyFindsAndMendsEachError(t *testing.T) {
	t.Parallel()
	const hourTwelve = `observed_at = '2026-03-30 12:00Z'`
	const ofA = `image_id = (SELECT image_id FROM syncer.images WHERE name = 'a')`
	for name, tt := range map[string]struct {
		plant, want string
		remains     bool
	}{
		"pulls":               {`UPDATE syncer.readings SET pulls = 7 WHERE ` + ofA + ` AND ` + hourTwelve, "a readings.pulls: 7, derived 2", false},
		"pulls of a baseline": {`UPDATE syncer.readings SET pulls = 10 WHERE ` + ofA + ` AND kind = 1`, "a readings.pulls: 10, derived NULL", false},
		"kind":                {`UPDATE syncer.readings SET kind = 4 WHERE ` + ofA + ` AND ` + hourTwelve, "a readings.kind: correction, derived increase", false},
		"window before the row before": {`UPDATE syncer.readings SET since = '2026-03-30 09:00Z' WHERE ` + ofA + ` AND ` + hourTwelve,
			"a readings.since: 2026-03-30T09:00:00Z, derived 2026-03-30T11:00:00Z", false},
		"window without an end": {`UPDATE syncer.readings SET since = observed_at WHERE ` + ofA + ` AND ` + hourTwelve,
			"a readings.since: 2026-03-30T12:00:00Z, derived 2026-03-30T11:00:00Z", false},
		"row twice": {`INSERT INTO syncer.readings (image_id, observed_at, since, pull_count, pulls, generation, kind) SELECT image_id, observed_at + interval '1 minute', observed_at, pull_count, 0, generation, 3 FROM syncer.readings WHERE ` + ofA + ` AND ` + hourTwelve,
			"a readings.kind: increase, derived NULL", false},
		"row without image": {`INSERT INTO syncer.readings (image_id, observed_at, since, pull_count, pulls, generation, kind) SELECT image_id + 1000, observed_at, since, pull_count, pulls, generation, kind FROM syncer.readings WHERE ` + ofA + ` AND ` + hourTwelve,
			" readings.image_id: 2870177441047905257, derived no such image", true},
		"roll-up pulls":    {`UPDATE syncer.image_days SET pulls = pulls + 1 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.pulls: 4, derived 3", false},
		"roll-up count":    {`UPDATE syncer.image_days SET pull_count = 0 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.pull_count: 0, derived 13", false},
		"roll-up resets":   {`UPDATE syncer.image_days SET resets = 2 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.resets: 2, derived 0", false},
		"roll-up lacks":    {`DELETE FROM syncer.image_days WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.day: no row, derived a row", false},
		"roll-up too many": {`INSERT INTO syncer.image_days SELECT image_id, day - 1, 1, 1, 0 FROM syncer.image_days WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.day: a row, derived no row", false},
		"current count":    {`UPDATE syncer.images SET pull_count = 99 WHERE ` + ofA, "a images.pull_count: 99, derived 15", false},
		"current kind":     {`UPDATE syncer.images SET kind = 5 WHERE ` + ofA, "a images.kind: suspect, derived increase", false},
		"current doubt":    {`UPDATE syncer.images SET believed = 5 WHERE ` + ofA, "a images.believed: 5, derived NULL", false},
		"current time":     {`UPDATE syncer.images SET observed_at = '2026-03-30 12:00Z' WHERE ` + ofA, "a images.observed_at: 2026-03-30T12:00:00Z, derived 2026-03-31T16:00:00Z", false},
		"last pulled":      {`UPDATE syncer.images SET last_pulled_at = NULL WHERE ` + ofA, "a images.last_pulled_at: NULL, derived 2026-03-31T16:00:00Z", false},
		"generation":       {`UPDATE syncer.images SET generation = 3 WHERE ` + ofA, "a images.generation: 3, derived 1", false},
		"repo images":      {`UPDATE syncer.repos SET images = 9`, " repos.images: 9, derived 4", false},
		"repo pull count":  {`UPDATE syncer.repos SET pull_count = 9`, " repos.pull_count: 9, derived 24", false},
		"repo day":         {`UPDATE syncer.repo_days SET pulls = 0 WHERE day = '2026-03-31'`, " repo_days.pulls: 0, derived 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.season()
			if found := w.verify(false); len(found) > 0 {
				t.Fatalf("differences before anything was planted: %q", found)
			}
			w.exec(tt.plant)
			if found := w.verify(false); !slices.Contains(found, tt.want) {
				t.Fatalf("found %q, want %q", found, tt.want)
			}
			w.verify(true)
			if left := w.verify(false); (len(left) > 0) != tt.remains {
				t.Fatalf("after repair: %q", left)
			}
		})
	}
}
