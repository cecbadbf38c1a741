package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// Retention waits for its next time while an import still counts on what it would drop, and does its work then.
func TestRetentionLeavesAnImportAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(w.seen(1, "a", 5), w.seen(20*24, "a", 8))
	pipe := make(chan registry.Observation)
	done := make(chan error, 1)
	go func() {
		var list iter.Seq2[registry.Observation, error] = func(yield func(registry.Observation, error) bool) {
			for o := range pipe {
				if !yield(o, nil) {
					return
				}
			}
		}
		_, err := w.s.Import(context.WithoutCancel(t.Context()), list, store.ImportOptions{Zone: time.UTC})
		done <- err
	}()
	pipe <- w.seen(2, "a", 6) // the import has begun, and counts on March
	april := start.AddDate(0, 0, 3)
	for name, drop := range map[string]func(context.Context, time.Time) ([]store.Dropped, error){"readings": w.s.DropHistory, "looks": w.s.DropLooks} {
		if dropped, err := drop(t.Context(), april); !errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrDatabase) || len(dropped) > 0 {
			t.Errorf("%s: dropped %v, %v", name, dropped, err)
		}
	}
	close(pipe)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.expect("it is merged", `SELECT count(*) FROM syncer.readings`, "3")
	if dropped, err := w.s.DropHistory(t.Context(), april); err != nil || len(dropped) != 1 {
		t.Errorf("dropped %v, %v", dropped, err)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// Retention on stories: what remains says the same, a verification finds nothing, and later looks and imports go on from it.
func TestRetentionOfStories(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	seeds, _ := worldsAsked(t, 10, 1)
	seeds = append(seeds, 57, 90, 101) // a tag read once more after an archive, the same before an absence, and an archived absence
	april := time.Date(2031, 4, 1, 0, 0, 0, 0, time.UTC)
	kept := map[string]string{
		"history": modelDumps["history"] + " AND observed_at >= '2031-04-01Z'", "days": modelDumps["days"],
		"images": modelDumps["images"], "events": modelDumps["events"] + " AND (event <> 'reset' OR at >= '2031-05-01Z')",
		"repo days": modelDumps["repo days"], "repos": modelDumps["repos"],
	}
	for _, seed := range seeds {
		s.clear()
		st := tell(seed)
		s.play(st, "order0", rand.New(rand.NewPCG(seed, 0)))
		what := fmt.Sprint("world ", seed)
		before := s.dump(kept, "order0")
		if _, err := s.s.DropLooks(t.Context(), april); err != nil {
			t.Fatal(err)
		}
		s.clean(what + " without looks")
		s.same(what+" without looks", before, s.dump(kept, "order0"))
		if _, err := s.s.DropHistory(t.Context(), april); err != nil {
			t.Fatal(err)
		}
		s.clean(what + " without history")
		s.same(what+" without history", before, s.dump(kept, "order0"))
	}
}

// Syncs, imports, verifications that mend, retention, exports and reports work beside each other: nobody fails, and every day's sum is
// what it is without the others.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for day := range 40 {
		w.now = start.AddDate(0, 0, day)
		w.look(registry.Complete, images("a", day*3, "b", day*day, "c", 7))
	}
	const sums = `SELECT day::text, sum(pulls)::bigint FROM syncer.repo_days GROUP BY 1 ORDER BY 1`
	before := w.query(sums)
	s, err := store.Open(t.Context(), w.dsn, store.Options{MaxConns: 12})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	end := time.Now().Add(time.Duration(number("SYNCER_BESIDE_SECONDS", 4)) * time.Second)
	var wg sync.WaitGroup
	loop := func(what string, do func() error) {
		wg.Go(func() {
			n := 0
			for ; time.Now().Before(end); n++ {
				if err := do(); err != nil && !errors.Is(err, store.ErrBusy) {
					t.Errorf("%s: %v", what, err)
					return
				}
			}
			if n == 0 {
				t.Errorf("%s: not once", what)
			}
		})
	}
	quiet := w.now.Add(time.Hour)
	for range 2 {
		loop("sync", func() error {
			return syncOnce(ctx, s, w.repo, func() registry.Snapshot {
				return registry.Snapshot{Repo: w.repo, StartedAt: quiet, FinishedAt: quiet, Images: images("a", 117, "b", 39*39, "c", 7), Evidence: registry.Complete}
			})
		})
		loop("import", func() error {
			_, err := s.Import(ctx, sequence([]registry.Observation{w.seen(20*24+1, "a", 60), w.seen(25*24+1, "b", 625)}), store.ImportOptions{Zone: time.UTC})
			return err
		})
		loop("verify", func() error {
			_, err := s.Verify(ctx, store.VerifyOptions{Zone: utc, Repair: true}, func(d store.Difference) { t.Errorf("false alarm: %+v", d) })
			return err
		})
	}
	loop("retention", func() error {
		_, err := s.DropHistory(ctx, start.AddDate(0, 0, 5))
		return err
	})
	loop("export", func() error {
		_, err := s.Export(ctx, io.Discard, store.ExportOptions{})
		return err
	})
	loop("report", func() error {
		_, err := s.Daily(ctx, store.ReportFilter{From: start, To: w.now, Zone: time.UTC})
		return err
	})
	wg.Wait()
	if diff := cmp.Diff(before, w.query(sums)); diff != "" {
		t.Errorf("sums of days (-before +after):\n%s", diff)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}
