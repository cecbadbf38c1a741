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
