package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
)

// otherDumps are the rest of schema reporting. What a run said of its own doing stays said whatever archives come later: how many images
// were new, changed, missing, held back or deleted. Of equal pulls the older image ranks first, and that is the one known first.
var otherDumps = map[string]string{
	"projects":    `SELECT repo, project_id FROM reporting.repos WHERE source = $1`,
	"attempts":    `SELECT repo, last_attempt_at, last_status, last_error IS NULL, gone_at FROM reporting.repos WHERE source = $1`,
	"repo events": `SELECT repo, at, event FROM reporting.repo_events WHERE source = $1`,
	"syncs":       `SELECT repo, started_at, finished_at, status, complete, pages, walks, total_count, images_seen, rows_rejected FROM reporting.repo_syncs WHERE source = $1`,
	"as of": `SELECT t, repo, image, pull_count, observed_at, kind, generation, rollup_day
FROM generate_series('2031-03-25Z'::timestamptz, '2031-04-25Z', '19 hours') t, reporting.images_as_of(t) WHERE source = $1`,
	"by day":           `SELECT day, repo, image, pulls, flag FROM reporting.pulls_by_day('2031-03-20', '2031-05-10', 'UTC', in_source => $1)`,
	"by day elsewhere": `SELECT day, repo, image, pulls, flag FROM reporting.pulls_by_day('2031-03-20', '2031-05-10', 'Asia/Shanghai', in_source => $1)`,
	"by repo and day":  `SELECT day, repo, pulls, flag FROM reporting.repo_pulls_by_day('2031-03-20', '2031-05-10', 'UTC', in_source => $1)`,
	"stale": `SELECT repo, image, pull_count, latest_tag, first_seen_at, last_seen_at, last_pulled_at, days_without_pull, days_looked_at, days_total
FROM reporting.stale_images(1) WHERE source = $1`,
	"top":    `SELECT repo, image, pulls, pull_count FROM reporting.top_images(NULL, NULL, NULL) WHERE source = $1`,
	"movers": `SELECT repo, image, pulls, pulls_before, change, days_looked_at, days_looked_at_before FROM reporting.movers(3, 100000) WHERE source = $1`,
}

// dump asks queries about one source.
func (s *stage) dump(queries map[string]string, source string) map[string][]string {
	s.t.Helper()
	out := map[string][]string{}
	for what, sql := range queries {
		rows, err := s.conn.Query(context.Background(), sql, source)
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			values, err := row.Values()
			return text(values...), err
		})
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		if len(list) > 0 {
			slices.Sort(list)
			out[what] = list
		}
	}
	return out
}

// clear makes room for the next story.
func (s *stage) clear() {
	s.t.Helper()
	s.run.Close() // it holds locks on what it claimed
	s.exec(`SET lock_timeout = 20000; TRUNCATE syncer.repos, syncer.images, syncer.readings, syncer.kept_readings, syncer.image_days, syncer.looks, syncer.repo_days, syncer.events, syncer.retention`)
	s.run = s.begin()
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{newBench(t), t}
}

// same fails with the first difference between two dumps.
func (s *stage) same(what string, want, got map[string][]string) {
	s.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		s.t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// clean fails when verify finds anything.
func (s *stage) clean(what string) {
	s.t.Helper()
	if found := s.verify(false); len(found) > 0 {
		s.t.Fatalf("%s: verify finds %d differences, first %q", what, len(found), found[0])
	}
}

// number reads one from the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// worldsAsked reads how many stories are told, in how many orders each, and from which seed on.
func worldsAsked(t *testing.T, worlds, orders int) (seeds []uint64, perWorld int) {
	t.Helper()
	first := number("SYNCER_WORLDS_SEED", 1)
	for i := range number("SYNCER_WORLDS", worlds) {
		seeds = append(seeds, uint64(first+i))
	}
	return seeds, number("SYNCER_WORLDS_ORDERS", orders)
}

// Whatever the order in which archives are brought in, in whatever parts, between looks of every kind: everything that reports show is
// the same, and what a model says that knows the design alone.
func TestWorldsInAnyOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	seeds, orders := worldsAsked(t, 15, 3)
	began := time.Now()
	for n, seed := range seeds {
		s.clear()
		st := tell(seed)
		want := st.model()
		var rest map[string][]string
		for order := range orders {
			source := fmt.Sprint("order", order)
			what := fmt.Sprintf("world %d, order %d", seed, order)
			s.play(st, source, rand.New(rand.NewPCG(seed, uint64(order))))
			s.same(what+", by the model", want, s.dump(modelDumps, source))
			got := s.dump(otherDumps, source)
			if rest == nil {
				rest = got
			}
			s.same(what, rest, got)
		}
		s.clean(fmt.Sprint("world ", seed))
		s.again(st, fmt.Sprint("world ", seed))
		if n%50 == 49 {
			t.Logf("%d worlds in %d orders each, %v", n+1, orders, time.Since(began).Round(time.Second))
		}
	}
}

// again imports what is there once more, which must change nothing.
func (s *stage) again(st *story, what string) {
	s.t.Helper()
	list := slices.Clone(st.archive)
	for i := range list {
		list[i].Repo.Key.Source = "order0"
	}
	if sum := s.load(list...); sum.ImagesNew+sum.ImagesMoved+sum.RowsAdded+sum.RowsChanged+sum.RowsRemoved != 0 {
		s.t.Fatalf("%s: a second import changes %+v", what, sum)
	}
}
