package store_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"syncer/internal/pgtest"
	"syncer/internal/store"
	"syncer/migrations"
)

// schemaSQL describes everything that migrations make, a line each.
const schemaSQL = `
WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('syncer', 'reporting'))
SELECT 'schema ' || nspname || ' ' || COALESCE(obj_description(oid, 'pg_namespace'), '') FROM ours
UNION ALL
SELECT format('relation %s %s %s %s %s', c.oid::regclass, c.relkind, c.reloptions, obj_description(c.oid, 'pg_class'),
    CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END)
FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
UNION ALL
SELECT format('column %s.%s %s %s %s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN ours n ON n.oid = k.connamespace
UNION ALL
SELECT format('function %s %s', obj_description(p.oid, 'pg_proc'), pg_get_functiondef(p.oid))
FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace
ORDER BY 1`

func TestUpDownUpLeavesTheSameSchema(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	m, err := store.NewMigrator(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, dsn)
	first := lines(t, conn, schemaSQL)
	for {
		steps, err := m.Down(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(steps) == 0 {
			break
		}
	}
	if left := lines(t, conn, schemaSQL); len(left) > 0 {
		t.Errorf("left after down: %q", left)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, lines(t, conn, schemaSQL)); diff != "" {
		t.Errorf("schema after up, down, up (-first +second):\n%s", diff)
	}
}

// goose.RunContext is all that goose's command line does.
// TestUpBehindPlainGoose has goose's own command line, which takes no lock, be faster by one step: it holds a migration that it has not
// yet committed when the program begins with the same one.
func TestUpBehindPlainGoose(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	config, err := plainConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	plain, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithTableName("syncer.migrations"))
	if err != nil {
		t.Fatal(err)
	}
	execute(t, dsn, "CREATE SCHEMA syncer")
	if _, err := plain.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	holder := connect(t, dsn)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE syncer.migrations IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	watcher := connect(t, dsn)
	waiting := func(n int) {
		t.Helper()
		for got := 0; got < n; {
			if err := watcher.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").
				Scan(&got); err != nil {
				t.Fatal(err)
			}
		}
	}
	ended := make(chan error, 2)
	go func() {
		_, err := plain.UpTo(t.Context(), 3)
		ended <- err
	}()
	waiting(1) // goose has made what migration 2 makes and wants to list it
	var steps []store.Migration
	m := migrator(t, dsn)
	go func() {
		var err error
		steps, err = m.Up(t.Context())
		ended <- err
	}()
	waiting(2) // the program wants to make the same
	if _, err := holder.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	var errs []error
	for range 2 {
		if err := <-ended; err != nil {
			errs = append(errs, err)
		}
	}
	if m.Close(); len(steps) == 0 || len(errs) > 1 { // goose may lose the next step, and says so
		t.Errorf("%d steps, %v", len(steps), errs)
	}
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPlainGooseMakesTheSameSchema(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	config, err := plainConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config) // the driver that goose's command line uses
	defer db.Close()
	if err := goose.SetDialect("postgres"); err != nil {
		t.Fatal(err)
	}
	// As docs/operations.md says.
	goose.SetTableName("syncer.migrations")
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA IF NOT EXISTS syncer"); err != nil {
		t.Fatal(err)
	}
	goose.SetLogger(goose.NopLogger())
	if err := goose.RunContext(t.Context(), "up", db, "../../migrations"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Errorf("the program does not know the schema that goose made: %v", err)
	}
	noted := regexp.MustCompile(`(relation syncer.migrations r ).*`) // goose does not note the version
	schema := func(dsn string) string {
		return noted.ReplaceAllString(strings.Join(lines(t, connect(t, dsn), schemaSQL), "\n"), "$1")
	}
	if diff := cmp.Diff(schema(migrated(t)), schema(dsn)); diff != "" {
		t.Errorf("schemas (-program +goose):\n%s", diff)
	}
	if err := goose.RunContext(t.Context(), "reset", db, "../../migrations"); err != nil {
		t.Errorf("reset: %v", err)
	}
}
