package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/pgtest"
	"syncer/internal/registry"
	"syncer/internal/store"
)

// A store does the same on a server whose defaults are odd, for a role that may do little: everything that it writes and everything
// that the views show.
func TestOddDefaultsChangeNothing(t *testing.T) {
	t.Parallel()
	usual, awkward := worldOn(t, migrated(t)), worldOn(t, pgtest.Awkward(t, template))
	if diff := cmp.Diff(usual.life(), awkward.life()); diff != "" {
		t.Errorf("everything in the database (-usual +awkward):\n%.8000s", diff)
	}
}

// Ten processes meet at every row: under serializable isolation most would fail, under repeatable read none would see the others.
func TestRunsMeetWhereDefaultsAreOdd(t *testing.T) {
	t.Parallel()
	w := worldOn(t, pgtest.Awkward(t, template))
	w.race(w.dsn)
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// worldOn is a world in a database that is there.
func worldOn(t *testing.T, dsn string) *world {
	t.Helper()
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &world{t: t, s: s, dsn: dsn, now: start, repo: registry.Repo{Key: registry.RepoKey{Source: "default", Name: "ucloud"}}}
}

// life lets a store do everything it can, some of it near midnight and across the end of a month, and returns all there then is.
func (w *world) life() []string {
	t := w.t
	w.season()
	run := w.begin()
	time.Sleep(500 * time.Millisecond) // longer than the server lets a transaction or a session be idle
	w.repo.Key.Name = "镜像/ünïcode"
	w.repo.ProjectID = `back\slash 'quote'`
	w.now = time.Date(2026, 3, 31, 22, 30, 0, 0, time.UTC)
	for i := range 4 {
		w.look(registry.Complete, images("数据库", 10*i, "naïve ✓", 7+i, `\x41`, 3))
	}
	if _, err := run.Claim(t.Context(), []registry.Repo{w.repo}); err != nil {
		t.Fatal(err)
	}
	if err := run.Record(t.Context(), []registry.RepoSync{{
		Repo: w.repo, Status: registry.RepoFailed, StartedAt: w.now, FinishedAt: w.now.Add(time.Second), TotalCount: -1, Error: "仓库不存在 \x00\xff\\",
	}}); err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(t.Context(), registry.RunSummary{Status: registry.RunPartial, FinishedAt: w.now, Error: "部分失败 \x00\xff"}); err != nil {
		t.Fatal(err)
	}
	w.load(w.seen(-24*40, "数据库", 1), w.seen(-24*20, "数据库", 4), w.seen(-14, "数据库", 9), w.seen(-24*20, "old", 4))
	exported := w.exported(store.ExportOptions{})
	w.load(exported...)
	if _, err := w.s.DropHistory(t.Context(), time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	if found := w.verify(true); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
	if err := w.s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	all := []string{fmt.Sprintf("%+v", exported)}
	for _, relation := range w.query(`SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname IN ('syncer', 'reporting') AND relkind IN ('r', 'v') AND relname <> 'migrations' ORDER BY 1`) {
		for _, row := range w.query(`SELECT r::text FROM ` + relation + ` r ORDER BY 1`) {
			all = append(all, relation+" "+row)
		}
	}
	for _, call := range []string{
		"pulls_by_day('2026-03-01', '2026-04-30', 'Asia/Shanghai')", "repo_pulls_by_day('2026-03-01', '2026-04-30', 'UTC')",
		"images_as_of('2026-03-31 23:45Z')", "top_images('2026-03-31 00:00Z', '2026-04-02 00:00Z', 5)",
	} {
		for _, row := range w.query(`SELECT r::text FROM reporting.` + call + ` r ORDER BY 1`) {
			all = append(all, call+" "+row)
		}
	}
	if len(all) < 60 || !strings.Contains(strings.Join(all, "\n"), "naïve ✓") {
		t.Errorf("only %d rows: %q", len(all), all)
	}
	return all
}
