package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// factsSQL are what was read, without what is derived from it.
const factsSQL = `SELECT image_id::text, observed_at::text, row(pull_count, archived, absent, latest_tag, create_time, update_time)::text FROM syncer.readings
UNION ALL SELECT image_id::text, observed_at::text, row(pull_count, archived, absent, latest_tag, create_time, update_time)::text FROM syncer.kept_readings
UNION ALL SELECT repo_id::text, at::text, l::text FROM syncer.looks l ORDER BY 1, 2, 3`

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
		"roll-up pulls":            {`UPDATE syncer.image_days SET pulls = pulls + 1 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.pulls: 4, derived 3", false},
		"roll-up count":            {`UPDATE syncer.image_days SET pull_count = 0 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.pull_count: 0, derived 13", false},
		"roll-up resets":           {`UPDATE syncer.image_days SET resets = 2 WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.resets: 2, derived 0", false},
		"roll-up lacks":            {`DELETE FROM syncer.image_days WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.day: no row, derived a row", false},
		"roll-up too many":         {`INSERT INTO syncer.image_days SELECT image_id, day - 1, 1, 1, 0 FROM syncer.image_days WHERE ` + ofA + ` AND day = '2026-03-30'`, "a image_days.day: a row, derived no row", false},
		"current count":            {`UPDATE syncer.images SET pull_count = 99 WHERE ` + ofA, "a images.pull_count: 99, derived 15", false},
		"current kind":             {`UPDATE syncer.images SET kind = 5 WHERE ` + ofA, "a images.kind: suspect, derived increase", false},
		"current doubt":            {`UPDATE syncer.images SET believed = 5 WHERE ` + ofA, "a images.believed: 5, derived NULL", false},
		"current time":             {`UPDATE syncer.images SET observed_at = '2026-03-30 12:00Z' WHERE ` + ofA, "a images.observed_at: 2026-03-30T12:00:00Z, derived 2026-03-31T16:00:00Z", false},
		"last pulled":              {`UPDATE syncer.images SET last_pulled_at = NULL WHERE ` + ofA, "a images.last_pulled_at: NULL, derived 2026-03-31T16:00:00Z", false},
		"generation":               {`UPDATE syncer.images SET generation = 3 WHERE ` + ofA, "a images.generation: 3, derived 1", false},
		"repo images":              {`UPDATE syncer.repos SET images = 9`, " repos.images: 9, derived 4", false},
		"repo pull count":          {`UPDATE syncer.repos SET pull_count = 9`, " repos.pull_count: 9, derived 23", false},
		"current tag":              {`UPDATE syncer.images SET latest_tag = 'v9' WHERE ` + ofA, "a images.latest_tag: v9, derived v1", false},
		"unknown tag":              {`UPDATE syncer.images SET latest_tag = NULL WHERE ` + ofA, "a images.latest_tag: NULL, derived v1", false},
		"created as read":          {`UPDATE syncer.images SET create_time_raw = 'x' WHERE ` + ofA, "a images.create_time_raw: x, derived NULL", false},
		"created":                  {`UPDATE syncer.images SET created_at = '2026-01-01Z' WHERE ` + ofA, "a images.created_at: 2026-01-01T00:00:00Z, derived NULL", false},
		"first sight":              {`UPDATE syncer.images SET first_seen_at = '2026-03-30 12:00Z' WHERE ` + ofA, "a images.first_seen_at: 2026-03-30T12:00:00Z, derived 2026-03-30T11:00:00Z", false},
		"no first sight":           {`UPDATE syncer.images SET first_seen_at = NULL WHERE ` + ofA, "a images.first_seen_at: NULL, derived 2026-03-30T11:00:00Z", false},
		"not there before":         {`UPDATE syncer.images SET absent_at = '2026-03-30 10:00Z' WHERE ` + ofA, "a images.absent_at: 2026-03-30T10:00:00Z, derived NULL", false},
		"last sight":               {`UPDATE syncer.images SET last_seen_at = '2026-03-30 12:00Z' WHERE ` + ofA, "a images.last_seen_at: 2026-03-30T12:00:00Z, derived NULL", false},
		"last sight of d":          {`UPDATE syncer.images SET last_seen_at = NULL WHERE name = 'd'`, "d images.last_seen_at: NULL, derived 2026-03-30T15:00:00Z", false},
		"last count":               {`UPDATE syncer.images SET last_counted_at = '2026-03-30 12:00Z' WHERE ` + ofA, "a images.last_counted_at: 2026-03-30T12:00:00Z, derived NULL", false},
		"absence":                  {`UPDATE syncer.images SET absence = 1 WHERE name = 'd'`, "d images.absence: 1, derived 3", false},
		"missing":                  {`UPDATE syncer.images SET missing_since = NULL WHERE name = 'd'`, "d images.missing_since: NULL, derived 2026-03-31T16:00:00Z", false},
		"deleted":                  {`UPDATE syncer.images SET deleted_at = '2026-03-31 16:00Z' WHERE name = 'd'`, "d images.deleted_at: 2026-03-31T16:00:00Z, derived NULL", false},
		"believed":                 {`UPDATE syncer.images SET believed = NULL, fallen_at = NULL, lowest = NULL WHERE name = 'c'`, "c images.believed: NULL, derived 2", false},
		"fallen":                   {`UPDATE syncer.images SET fallen_at = '2026-03-30 12:00Z' WHERE name = 'c'`, "c images.fallen_at: 2026-03-30T12:00:00Z, derived 2026-03-31T17:00:00Z", false},
		"lowest":                   {`UPDATE syncer.images SET lowest = 0 WHERE name = 'c'`, "c images.lowest: 0, derived 1", false},
		"last look of runs":        {`UPDATE syncer.images SET live = 0 WHERE ` + ofA, "a images.live: 0, derived 89", false},
		"event lacks":              {`DELETE FROM syncer.events WHERE event = 'missing'`, "d events.event: no row, derived a row", false},
		"event too many":           {`INSERT INTO syncer.events SELECT at, repo_id, image_id, 'deleted', old_value FROM syncer.events WHERE event = 'missing'`, "d events.event: a row, derived no row", false},
		"event of another time":    {`UPDATE syncer.events SET at = at - interval '1 hour' WHERE event = 'missing'`, "d events.event: no row, derived a row", false},
		"event with another value": {`UPDATE syncer.events SET old_value = '7' WHERE event = 'missing'`, "d events.old_value: 7, derived 6", false},
		"generation of a row":      {`UPDATE syncer.readings SET generation = 2 WHERE ` + ofA + ` AND ` + hourTwelve, "a readings.generation: 2, derived 1", false},
		"row not shown":            {`UPDATE syncer.readings SET kind = NULL, pulls = NULL, since = NULL, generation = NULL WHERE ` + ofA + ` AND ` + hourTwelve, "a readings.kind: NULL, derived increase", false},
		"looks of a day":           {`UPDATE syncer.repo_days SET looks = 9 WHERE day = '2026-03-31'`, " repo_days.looks: 9, derived 2", false},
		"complete looks of a day":  {`UPDATE syncer.repo_days SET complete_looks = 0 WHERE day = '2026-03-31'`, " repo_days.complete_looks: 0, derived 1", false},
		"images of a day":          {`UPDATE syncer.repo_days SET images = 3 WHERE day = '2026-03-30'`, " repo_days.images: 3, derived 4", false},
		"day lacks":                {`DELETE FROM syncer.repo_days WHERE day = '2026-03-30'`, " repo_days.day: no row, derived a row", false},
		"day too many":             {`INSERT INTO syncer.repo_days SELECT repo_id, day - 9, 0, 0, 0, 0 FROM syncer.repo_days WHERE day = '2026-03-30'`, " repo_days.day: a row, derived no row", false},
		"first look":               {`UPDATE syncer.repos SET first_seen_at = '2026-03-01Z'`, " repos.first_seen_at: 2026-03-01T00:00:00Z, derived 2026-03-30T11:00:00Z", false},
		"last look":                {`UPDATE syncer.repos SET last_look_at = '2026-03-31 15:00Z'`, " repos.last_look_at: 2026-03-31T15:00:00Z, derived 2026-03-31T17:00:00Z", false},
		"last archive":             {`UPDATE syncer.repos SET last_archived_at = '2026-03-31 15:00Z'`, " repos.last_archived_at: 2026-03-31T15:00:00Z, derived NULL", false},
		"last complete":            {`UPDATE syncer.repos SET last_complete_at = NULL`, " repos.last_complete_at: NULL, derived 2026-03-31T16:00:00Z", false},
		"next image":               {`UPDATE syncer.repos SET next_image = 2`, " repos.next_image: 2, derived 5", false},
		"repo day":                 {`UPDATE syncer.repo_days SET pulls = 0 WHERE day = '2026-03-31'`, " repo_days.pulls: 0, derived 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.season()
			w.look(registry.Drifting, images("a", 15, "b", 1, "c", 1)) // c is in doubt
			if found := w.verify(false); len(found) > 0 {
				t.Fatalf("differences before anything was planted: %q", found)
			}
			w.exec(tt.plant)
			if found := w.verify(false); !slices.Contains(found, tt.want) {
				t.Fatalf("found %q, want %q", found, tt.want)
			}
			facts := w.query(factsSQL)
			w.verify(true)
			if diff := cmp.Diff(facts, w.query(factsSQL)); diff != "" {
				t.Errorf("repair touched facts (-before +after):\n%s", diff)
			}
			if left := w.verify(false); (len(left) > 0) != tt.remains {
				t.Fatalf("after repair: %q", left)
			}
		})
	}
}
