package store_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	archives "syncer/internal/archive"
	"syncer/internal/registry"
	"syncer/internal/store"
)

// exported reads what a store exports as observations.
func (w *world) exported(opt store.ExportOptions) []registry.Observation {
	w.t.Helper()
	var out bytes.Buffer
	n, err := w.s.Export(w.t.Context(), &out, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []registry.Observation
	for o, err := range archives.Read("-", archives.Options{Zone: time.UTC, Now: storyStart.AddDate(1, 0, 0), Stdin: &out}) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, o)
	}
	if int64(len(list)) != n {
		w.t.Fatalf("%d lines, %d were counted", len(list), n)
	}
	return list
}

// carried are the reports that a copy made of an export must answer alike.
func carried() map[string]string {
	queries := map[string]string{}
	maps.Copy(queries, modelDumps)
	queries["repos"] = "SELECT repo, images, pull_count, first_seen_at FROM reporting.repos WHERE source = $1" // no run has looked at a copy
	for _, what := range []string{"as of", "by day", "by day elsewhere", "by repo and day", "top", "stale", "movers"} {
		queries[what] = otherDumps[what]
	}
	return queries
}

// An export that is brought into an empty database gives the same reports, as NDJSON and as CSV.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	from, to := newStage(t), newStage(t)
	seeds, _ := worldsAsked(t, 30, 1)
	for _, seed := range seeds {
		from.clear()
		st := tellPlain(seed)
		from.play(st, "order0", rand.New(rand.NewPCG(seed, 0)))
		for _, csv := range []bool{false, true} {
			to.clear()
			to.load(from.exported(store.ExportOptions{CSV: csv})...)
			what := fmt.Sprintf("world %d, csv %v", seed, csv)
			to.same(what, from.dump(carried(), "order0"), to.dump(carried(), "order0"))
			to.clean(what)
		}
	}
}

// An export says of moments that archives gave no more than they did: what comes between them later would be told against it.
func TestExportAddsNothingToArchives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tagged := func(hours int, count int64, tag string) registry.Observation {
		o := w.seen(hours, "redis", count)
		o.Image.LatestTag = tag
		return o
	}
	given := []registry.Observation{tagged(0, 5, "v1"), tagged(1, 5, ""), tagged(2, 9, ""), tagged(9, 9, "")}
	w.load(given...)
	got := slices.DeleteFunc(w.exported(store.ExportOptions{}), func(o registry.Observation) bool { return o.Look != "" })
	if diff := cmp.Diff(given, got); diff != "" {
		t.Errorf("exported (-imported +exported):\n%s", diff)
	}
	w.load(got...)
	w.load(tagged(8, 9, "v2"))
	w.expect("events", `SELECT event, old_value, new_value FROM reporting.image_events`, "tag_pushed|v1|v2")
}
