package store_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/pgtest"
	"syncer/internal/registry"
	"syncer/internal/store"
)

func migrator(t *testing.T, dsn string) *store.Migrator {
	t.Helper()
	m, err := store.NewMigrator(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// downTo takes migrations back until the named relation is gone.
func downTo(t *testing.T, m *store.Migrator, w *world, relation string) {
	t.Helper()
	for len(w.query(`SELECT 1 WHERE to_regclass('`+relation+`') IS NOT NULL`)) > 0 {
		if _, err := m.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// goose's usual list may be another application's, whatever numbers stand in it.
func TestAnotherApplicationsListOfMigrations(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string]string{"the same numbers": "SELECT n, true FROM generate_series(0, 30) n", "newer": "VALUES (0, true), (20990101000000, true)", "none": "SELECT 1, true WHERE false"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.Empty(t)
			execute(t, dsn, `CREATE TABLE public.goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now())`,
				"INSERT INTO public.goose_db_version (version_id, is_applied) "+rows)
			const all = `SELECT t::text FROM public.goose_db_version t ORDER BY id`
			before := lines(t, connect(t, dsn), all)
			m := migrator(t, dsn)
			if steps, err := m.Up(t.Context()); err != nil || len(steps) == 0 {
				t.Fatalf("up: %d steps, %v", len(steps), err)
			}
			w := worldOn(t, dsn)
			if err := w.s.CheckSchema(t.Context()); err != nil {
				t.Error(err)
			}
			if steps, err := m.Down(t.Context()); err != nil || len(steps) != 1 {
				t.Errorf("down: %d steps, %v", len(steps), err)
			}
			if diff := cmp.Diff(before, lines(t, connect(t, dsn), all)); diff != "" {
				t.Errorf("the other's list (-before +after):\n%s", diff)
			}
		})
	}
}

// What others built on ours, or put beside it, is never dropped. Where it is in the way it is named, and nothing changes.
func TestDownLeavesOthersObjects(t *testing.T) {
	t.Parallel()
	for made, name := range map[string]string{
		"CREATE VIEW public.theirs AS SELECT image FROM reporting.images":                                               "view public.theirs",
		"CREATE TABLE reporting.theirs AS SELECT 1 AS one; CREATE VIEW theirs AS SELECT day FROM reporting.pulls_daily": "view public.theirs",
		"CREATE MATERIALIZED VIEW public.theirs AS SELECT * FROM reporting.repos":                                       "materialized view public.theirs",
		"CREATE VIEW public.theirs AS SELECT name FROM syncer.images":                                                   "view public.theirs",
		"CREATE VIEW public.theirs AS SELECT run_id FROM syncer.runs":                                                   "view public.theirs",
		"CREATE FUNCTION theirs() RETURNS SETOF reporting.runs LANGUAGE sql AS 'SELECT * FROM reporting.runs'":          "function public.theirs()",
		"CREATE VIEW public.theirs AS SELECT repo FROM reporting.stale_images(30)":                                      "view public.theirs",
	} {
		t.Run(made, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.season()
			w.exec(made)
			m := migrator(t, w.dsn)
			for {
				before := lines(t, connect(t, w.dsn), schemaSQL)
				steps, err := m.Down(t.Context())
				if err == nil && len(steps) > 0 {
					continue
				}
				if err == nil || !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), name) {
					t.Fatalf("%d steps, %v, want an error that names %s", len(steps), err, name)
				}
				if diff := cmp.Diff(before, lines(t, connect(t, w.dsn), schemaSQL)); diff != "" {
					t.Errorf("the failed migration changed (-before +after):\n%s", diff)
				}
				break
			}
			w.exec("DROP " + name)
			downTo(t, m, w, "syncer.runs")
		})
	}
}

// A table that only stands in our schemas is in nobody's way, and is there afterwards.
func TestDownKeepsSchemasThatHoldMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec("CREATE TABLE reporting.theirs AS SELECT 1 AS one; CREATE TABLE syncer.theirs AS SELECT 2 AS two")
	m := migrator(t, w.dsn)
	downTo(t, m, w, "syncer.runs")
	w.expect("their rows", "SELECT one, two FROM reporting.theirs, syncer.theirs", "1|2")
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.look(registry.Complete, images("a", 3))
}

// After the tables were taken away and made again nobody knows what was there before.
func TestFirstLookAfterDownAndUp(t *testing.T) {
	t.Parallel()
	for _, relation := range []string{"syncer.images", "syncer.repos"} {
		w := newWorld(t)
		w.season()
		m := migrator(t, w.dsn)
		downTo(t, m, w, relation)
		if _, err := m.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := worldOn(t, w.dsn)
		again.now = w.now
		again.look(registry.Complete, images("a", 2000, "b", 1000))
		again.expect("kinds and pulls", `SELECT image, kind, pulls FROM reporting.pull_history ORDER BY 1`, "a|baseline|-", "b|baseline|-")
		again.expect("pulls of the day", `SELECT pulls, looks FROM reporting.repo_daily WHERE looks > 0`, "0|1")
		if found := again.verify(false); len(found) > 0 {
			t.Errorf("verify: %q", found)
		}
	}
}

// Where an administrator makes the schemas the role needs no right on the database to migrate up, down and up again.
func TestSchemasThatAnAdministratorMade(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	role := fmt.Sprint("made_for_", time.Now().UnixNano())
	own := as(t, dsn, role, "CREATE SCHEMA syncer AUTHORIZATION "+role, "CREATE SCHEMA reporting AUTHORIZATION "+role)
	if missing, err := own.MissingPrivileges(t.Context()); err != nil || len(missing) > 0 {
		t.Errorf("missing: %q, %v", missing, err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "x")
	m := migrator(t, u.String())
	for range 2 {
		if _, err := m.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		worldOn(t, u.String()).look(registry.Complete, images("a", 3))
		downTo(t, m, worldOn(t, dsn), "syncer.runs")
	}
	// Without them, and without the right to make them, the error says who must do what.
	execute(t, dsn, "DROP SCHEMA syncer, reporting CASCADE")
	if _, err := m.Up(t.Context()); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "GRANT CREATE ON DATABASE") {
		t.Errorf("up without rights: %v", err)
	}
}

// Who was granted the reports reads them again when they come back.
func TestReadersOutliveDownAndUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, _ := reader(t, w.dsn)
	m := migrator(t, w.dsn)
	downTo(t, m, w, "syncer.runs")
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SELECT * FROM reporting.images", "SELECT * FROM reporting.images_as_of(now())", "SELECT * FROM reporting.pulls_by_day('2026-03-01', '2026-03-02', 'UTC')"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "SELECT * FROM syncer.images"); err == nil {
		t.Error("the reader reads base tables")
	}
}

// A dump of the schema alone has lost which migrations made it, but for the comment of the list.
func TestSchemaOnlyDump(t *testing.T) {
	t.Parallel()
	t.Run("emptied", func(t *testing.T) {
		t.Parallel()
		dsn := migrated(t)
		execute(t, dsn, "TRUNCATE syncer.migrations, syncer.runs, syncer.repos RESTART IDENTITY")
		wantMended(t, dsn)
	})
	t.Run("dumped", func(t *testing.T) {
		t.Parallel()
		folder := os.Getenv(pgtest.ProgramsVariable)
		if folder == "" {
			folder = "/usr/lib/postgresql/*/bin"
		}
		programs, _ := filepath.Glob(filepath.Join(folder, "pg_dump"))
		if len(programs) == 0 {
			t.Skip("no pg_dump")
		}
		text, err := exec.CommandContext(t.Context(), programs[len(programs)-1], "--schema-only", "--no-owner", "--dbname", migrated(t)).Output()
		if err != nil {
			t.Skipf("pg_dump does not fit the server: %v", err)
		}
		dsn := pgtest.Empty(t)
		commands := regexp.MustCompile(`(?m)^\\.*$`) // of psql
		execute(t, dsn, commands.ReplaceAllString(string(text), ""))
		wantMended(t, dsn)
	})
}

func wantMended(t *testing.T, dsn string) {
	t.Helper()
	w := worldOn(t, dsn)
	if err := w.s.CheckSchema(t.Context()); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "without the data; run syncer migrate up") {
		t.Errorf("validate: %v", err)
	}
	m := migrator(t, dsn)
	if steps, err := m.Status(t.Context()); err != nil || steps[0].Applied {
		t.Errorf("status: %+v, %v", steps, err)
	}
	if steps, err := m.Up(t.Context()); err != nil || len(steps) != 0 {
		t.Fatalf("up: %d steps, %v", len(steps), err)
	}
	if err := w.s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	w.look(registry.Complete, images("a", 3))
	// A list that was left behind altogether is told as that.
	execute(t, dsn, "DROP TABLE syncer.migrations")
	for _, err := range []error{w.s.CheckSchema(t.Context()), func() error { _, err := m.Up(t.Context()); return err }()} {
		if !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "syncer.migrations") {
			t.Errorf("without the list: %v", err)
		}
	}
}

// What stands in the place of the list or lacks a half says so, and is no database that is out of reach.
func TestSchemaThatIsNotWhole(t *testing.T) {
	t.Parallel()
	check := func(dsn, want string) {
		t.Helper()
		s, err := store.Open(t.Context(), dsn, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.CheckSchema(t.Context()); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for name, list := range map[string]string{"a table": "CREATE TABLE syncer.migrations (name text)", "one with rows": "CREATE TABLE syncer.migrations AS SELECT 7 AS id, true AS done"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.Empty(t)
			execute(t, dsn, "CREATE SCHEMA syncer", list)
			check(dsn, "another application made it")
			m := migrator(t, dsn)
			if _, err := m.Up(t.Context()); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "another application made it") {
				t.Errorf("up: %v", err)
			}
			if _, err := m.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "another application made it") {
				t.Errorf("status: %v", err)
			}
		})
	}
	w := newWorld(t)
	execute(t, w.dsn, "DROP SCHEMA reporting CASCADE")
	check(w.dsn, "schema reporting")
}
