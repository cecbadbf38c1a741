package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// dump is every row of every table of the schema, and which tables there are.
func (w *world) dump() []string {
	w.t.Helper()
	tables := w.query(`SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'syncer'::regnamespace AND c.relkind = 'r' ORDER BY 1`)
	var selects []string
	for _, table := range tables {
		selects = append(selects, fmt.Sprintf("SELECT '%s', md5(COALESCE(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM %s t", table, table))
	}
	return w.query(strings.Join(selects, " UNION ALL ") + " ORDER BY 1")
}

// group is what one run does: repos that were read, and repos that could not be.
type group struct {
	snaps  []registry.Snapshot
	failed []registry.RepoSync
}

func (w *world) run(run *store.Run, g group) (applied []registry.RepoSync) {
	w.t.Helper()
	defer run.Close()
	var repos []registry.Repo
	for i := range g.snaps {
		repos = append(repos, g.snaps[i].Repo)
	}
	for i := range g.failed {
		repos = append(repos, g.failed[i].Repo)
	}
	if held, err := run.Claim(w.t.Context(), repos); err != nil || len(held) > 0 {
		w.t.Fatalf("claim: held %v, %v", held, err)
	}
	var err error
	if len(g.snaps) > 0 {
		if applied, err = run.Apply(w.t.Context(), g.snaps, w.opt); err != nil {
			w.t.Fatal(err)
		}
	}
	if err = run.Record(w.t.Context(), g.failed); err != nil {
		w.t.Fatal(err)
	}
	if err := run.Finish(w.t.Context(), registry.RunSummary{Status: registry.RunOK, FinishedAt: w.now}); err != nil {
		w.t.Fatal(err)
	}
	return applied
}

// same wants a dry run to say what the run right after it says, and to leave nothing behind.
func (w *world) same(t interface {
	Fatalf(format string, args ...any)
}, g group) []registry.RepoSync {
	w.t.Helper()
	before := w.dump()
	dry := w.run(w.s.BeginDryRun(), g)
	if diff := cmp.Diff(before, w.dump()); diff != "" {
		t.Fatalf("the dry run wrote (-before +after):\n%s", diff)
	}
	run := w.run(w.begin(), g)
	if diff := cmp.Diff(dry, run); diff != "" {
		t.Fatalf("dry run and run (-dry +run):\n%s", diff)
	}
	return run
}

func (w *world) snapshot(repo string, list []registry.Image) registry.Snapshot {
	return registry.Snapshot{
		Repo:      registry.Repo{Key: registry.RepoKey{Source: "default", Name: repo}, ProjectID: "org-1"},
		StartedAt: w.now.Add(-time.Second), FinishedAt: w.now, Images: list, Evidence: registry.Complete, Walks: 1, Pages: 1,
		TotalCount: int64(len(list)),
	}
}

func (w *world) absent(repo string) registry.RepoSync {
	return registry.RepoSync{
		Repo:   registry.Repo{Key: registry.RepoKey{Source: "default", Name: repo}, ProjectID: "org-1"},
		Status: registry.RepoFailed, StartedAt: w.now, FinishedAt: w.now, TotalCount: -1, Gone: true, Error: "not listed",
	}
}

func TestDryRunOfKnownRepoSaysWhatTheRunDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	list := many(30)
	w.same(t, group{snaps: []registry.Snapshot{w.snapshot("web", list)}})
	w.now = w.now.Add(time.Hour)
	list = slices.Clone(list[1:])
	list[3].PullCount += 5
	got := w.same(t, group{snaps: []registry.Snapshot{w.snapshot("web", list)}})[0]
	if got.New != 0 || got.Changed != 2 || got.Missing != 1 || got.HistoryRows != 1 {
		t.Errorf("one count raised, one image gone: %+v", got)
	}
	w.now = w.now.Add(time.Hour)
	if got := w.same(t, group{snaps: []registry.Snapshot{w.snapshot("web", list[20:])}})[0]; got.Status != registry.RepoHeld {
		t.Errorf("most images gone: %+v", got)
	}
}

// A dry run is a run that is taken back, whatever the repos went through before: drifting lists, rows without names, images that
// vanish few or many at a time, repos that leave one or all at once and come back, months that begin, clocks that step back.
func TestDryRunIsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	world := 0
	rapid.Check(t, func(rt *rapid.T) {
		if world++; world > 25 { // each is some forty transactions and dumps
			return
		}
		names := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(rt, "repos")]
		for i := range names {
			names[i] = fmt.Sprintf("%d-%s", world, names[i])
		}
		source := fmt.Sprint("source", world)
		for range rapid.IntRange(1, 7).Draw(rt, "runs") {
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 30, 24 * 20, -2}).Draw(rt, "hours")) * time.Hour)
			w.opt.AllowMassDelete = nil
			if rapid.IntRange(0, 4).Draw(rt, "release") == 0 {
				w.opt.AllowMassDelete = func(registry.RepoKey) bool { return true }
			}
			var g group
			outage := rapid.IntRange(0, 4).Draw(rt, "outage") == 0
			for _, name := range names {
				switch move := rapid.IntRange(0, 9).Draw(rt, "move"); {
				case move == 0:
				case move == 1 || outage:
					left := w.absent(name)
					left.Repo.Key.Source = source
					left.Released = w.opt.AllowMassDelete != nil
					if outage && !left.Released {
						left.Status = registry.RepoHeld
					}
					g.failed = append(g.failed, left)
				default:
					s := w.snapshot(name, randomImages(rt))
					s.Repo.Key.Source = source
					s.Evidence = rapid.SampledFrom([]registry.Evidence{registry.Complete, registry.Complete, registry.Drifting, registry.Partial}).Draw(rt, "evidence")
					s.Nameless = rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "nameless")
					g.snaps = append(g.snaps, s)
				}
			}
			w.same(rt, g)
		}
	})
}

func randomImages(t *rapid.T) []registry.Image {
	list := many(rapid.SampledFrom([]int{0, 3, 12, 30}).Draw(t, "images"))
	if rapid.Bool().Draw(t, "counts move") {
		for i := range list {
			list[i].PullCount += rapid.Int64Range(-5, 20).Draw(t, "pulls")
			list[i].PullCount = max(0, list[i].PullCount)
		}
	}
	if n := len(list); n > 0 {
		list = list[rapid.IntRange(0, n/2).Draw(t, "vanished"):]
	}
	return list
}

// A repo that another run is reading is left to it by both, and a dry run takes nothing that a run beside it wants.
func TestDryRunBesideARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, many(3))
	one, two := w.s.BeginDryRun(), w.s.BeginDryRun()
	for _, dry := range []*store.Run{one, two} {
		if held, err := dry.Claim(t.Context(), []registry.Repo{w.repo}); err != nil || len(held) != 0 {
			t.Fatalf("nobody holds the repo: %v, %v", held, err)
		}
	}
	run := w.begin()
	defer run.Close()
	if held, err := run.Claim(t.Context(), []registry.Repo{w.repo}); err != nil || len(held) != 0 {
		t.Fatalf("two dry runs stand in the way of a run: %v, %v", held, err)
	}
	if held, err := one.Claim(t.Context(), []registry.Repo{w.repo}); err != nil || !slices.Equal(held, []registry.RepoKey{w.repo.Key}) {
		t.Fatalf("a run holds the repo: %v, %v", held, err)
	}
	w.now = w.now.Add(time.Hour)
	snap := w.snapshot(w.repo.Key.Name, many(4))
	for _, r := range []*store.Run{one, run, two} {
		got, err := r.Apply(t.Context(), []registry.Snapshot{snap}, w.opt)
		want := 1
		if r == two { // it comes after the run
			want = 0
		}
		if err != nil || got[0].New != want || got[0].Status != registry.RepoOK {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// The isolation that a role, a database or a server sets by default is not the one that the program needs.
func TestOtherDefaultsOfIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''` + level + `''', current_database()); END $$`)
			s, err := store.Open(t.Context(), w.dsn, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			w.s = s
			if got := w.look(registry.Complete, many(3)); got.Status != registry.RepoOK || got.New != 3 {
				t.Errorf("the first look at a new repo: %+v", got)
			}
			if got := w.look(registry.Complete, many(4)); got.Status != registry.RepoOK || got.New != 1 {
				t.Errorf("the second look: %+v", got)
			}
		})
	}
}

// A repo whose row is taken away under a run is an error and not another run's doing.
func TestRowThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.begin()
	defer run.Close()
	if _, err := run.Claim(t.Context(), []registry.Repo{w.repo}); err != nil {
		t.Fatal(err)
	}
	w.exec(`DELETE FROM syncer.repos`)
	got, err := run.Apply(t.Context(), []registry.Snapshot{w.snapshot(w.repo.Key.Name, many(3))}, w.opt)
	if err == nil || !strings.Contains(err.Error(), "default/ucloud") {
		t.Errorf("%+v, %v", got, err)
	}
}

// What a process remembers must not outlive the schema: it may be made again, or come back from a backup, under a daemon.
func TestSchemaMadeAgainUnderAProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, many(3))
	m, err := store.NewMigrator(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for len(w.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'syncer'`)) > 0 {
		if _, err := m.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.look(registry.Complete, many(3)); got.New != 3 {
		t.Errorf("%+v", got)
	}
	w.exec(`DROP TABLE syncer.readings_y2026m03, syncer.image_days_y2026m03, syncer.looks_y2026m03`) // restored without it
	if got := w.look(registry.Complete, many(4)); got.New != 1 {
		t.Errorf("%+v", got)
	}
	w.exec(`DROP TABLE syncer.looks_y2026m03`)
	w.now = w.now.Add(time.Hour)
	w.run(w.begin(), group{failed: []registry.RepoSync{w.absent("other")}})
}

// The month that is needed is that of the moment under which a look is written, not that of the clock.
func TestClockSetBackOverTheEndOfAMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).Add(-time.Hour - time.Microsecond)
	w.look(registry.Complete, many(3)) // a microsecond before April
	w.now = w.now.Add(-2 * time.Hour)
	list := many(3)
	list[0].PullCount++
	if got := w.look(registry.Complete, list); got.Status != registry.RepoOK || got.HistoryRows != 1 {
		t.Fatalf("%+v", got)
	}
	w.expect("it is written in April", `SELECT observed_at FROM syncer.readings WHERE since IS NOT NULL`, "01T00:00")
}

// A pool of one connection is enough: a dry run asks for no second one while it holds a transaction.
func TestDryRunWithOneConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := store.Open(t.Context(), w.dsn, store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.s = s
	w.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) // a month that has no partitions
	w.same(t, group{snaps: []registry.Snapshot{w.snapshot("new", many(3))}, failed: []registry.RepoSync{w.absent("other")}})
}
