package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// statements counts how often one statement is run.
type statements struct {
	name string
	n    atomic.Int64
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "-- name: "+s.name+"\n") {
		s.n.Add(1)
	}
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestQuietRunsReadInBrief looks at images whose pasts have everything that can happen to one. Of those that are as they were, no run
// reads more than the few columns that tell that: an hourly run over a million images should cost what reading these costs.
func TestQuietRunsReadInBrief(t *testing.T) {
	t.Parallel()
	full := &statements{name: "KnownImagesInFull"}
	w := newWorld(t)
	var err error
	if w.s, err = store.OpenTraced(t.Context(), w.dsn, full); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.s.Close)

	made := registry.Timestamp{Raw: "2026-03-01 10:00:00", At: time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)}
	anew := registry.Timestamp{Raw: "2026-03-30 12:00:00", At: time.Date(2026, 3, 30, 4, 0, 0, 0, time.UTC)}
	image := func(name string, count int64, change func(*registry.Image)) registry.Image {
		img := registry.Image{Name: name, PullCount: count, Counted: true, LatestTag: "v1", Created: made, Updated: made}
		if change != nil {
			change(&img)
		}
		return img
	}
	untagged := func(img *registry.Image) { img.LatestTag = "" }
	undated := func(img *registry.Image) { img.Created, img.Updated = registry.Timestamp{}, registry.Timestamp{} }
	always := []registry.Image{image("quiet", 7, nil), image("never pulled", 0, nil), image("untagged", 7, untagged), image("undated", 7, undated)}
	names := []string{
		"rises", "glitches", "falls a little", "is reset", "is made anew", "is pushed", "is uncounted", "goes away", "is away for a look", "is away for long",
	}
	list := func(count int64, change func(*registry.Image), without ...string) []registry.Image {
		images := slices.Clone(always)
		for _, name := range names {
			if !slices.Contains(without, name) {
				images = append(images, image(name, count, change))
			}
		}
		return images
	}
	change := func(img *registry.Image) {
		switch img.Name {
		case "rises":
			img.PullCount += 5
		case "glitches", "is reset":
			img.PullCount = 1
		case "falls a little":
			img.PullCount--
		case "is made anew":
			img.PullCount, img.Created = 2, anew
		case "is pushed":
			img.LatestTag, img.Updated = "v2", anew
		case "is uncounted":
			img.PullCount, img.Counted = 0, false
		}
	}
	last := func(img *registry.Image) {
		if change(img); img.Name == "glitches" || img.Name == "is uncounted" {
			img.PullCount, img.Counted = 20, true
		}
	}
	w.load(w.seen(-48, "quiet", 3), w.seen(-24, "undated", 4), w.seen(-24, "of an archive alone", 9))
	w.look(registry.Complete, list(20, nil))
	w.look(registry.Complete, list(20, change, "goes away", "is away for a look", "is away for long"))
	w.look(registry.Complete, list(20, change, "goes away", "is away for long"))
	for range 7 { // hours, until falls are believed
		w.look(registry.Complete, list(20, last, "goes away"))
	}
	quiet := w.snapshotOf(list(20, last, "goes away"))
	w.runs(t, full, "after changes", 0, quiet)

	hour := int(w.now.Sub(start) / time.Hour)
	w.load(w.seen(-12, "quiet", 5), w.seen(hour, "rises", 25), w.seen(hour+1, "quiet", 7))
	w.now = w.now.Add(2 * time.Hour)
	w.look(registry.Complete, quiet.Images) // what an archive said is looked at once
	w.runs(t, full, "after an archive", 0, quiet)

	var many []registry.Snapshot
	for i := range 3 {
		s := quiet
		s.Repo.Key.Name = fmt.Sprintf("repo-%d", i)
		many = append(many, s)
	}
	w.runs(t, full, "new repos", 0, many...)
	w.runs(t, full, "several repos", 0, many...)
	quiet.Images[0].LatestTag = "v9"
	w.runs(t, full, "after a push", 1, quiet)
}

func (w *world) snapshotOf(list []registry.Image) registry.Snapshot {
	return registry.Snapshot{Repo: w.repo, Images: list, Evidence: registry.Complete, Walks: 1, Pages: 1, TotalCount: int64(len(list))}
}

// runs looks at the same lists two more times and wants a statement to be run so often.
func (w *world) runs(t *testing.T, counted *statements, what string, want int64, snaps ...registry.Snapshot) {
	t.Helper()
	counted.n.Store(0)
	for range 2 {
		w.now = w.now.Add(time.Hour)
		for i := range snaps {
			snaps[i].StartedAt, snaps[i].FinishedAt = w.now.Add(-time.Second), w.now
		}
		w.apply(snaps...)
	}
	if n := counted.n.Load(); n != want {
		t.Errorf("%s: %s was run %d times in two runs, want %d", what, counted.name, n, want)
	}
}
