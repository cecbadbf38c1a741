package store_test

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

var update = flag.Bool("update", false, "write golden files anew")

// Names, order and types of what people query are a promise: a change of this file is a breaking change.
func TestReportingIsStable(t *testing.T) {
	t.Parallel()
	const golden = "testdata/reporting.txt"
	conn := connect(t, migrated(t))
	got := strings.Join(lines(t, conn, `
SELECT format('%s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'reporting'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum`), "\n") + "\n\n" + strings.Join(lines(t, conn, `
SELECT format(E'%s(%s)\n    %s', proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid))
FROM pg_proc WHERE pronamespace = 'reporting'::regnamespace
ORDER BY proname`), "\n") + "\n"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("schema reporting (-want +got):\n%s", diff)
	}
}

func TestEverythingInReportingIsCommented(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated(t))
	for _, missing := range lines(t, conn, `
SELECT format('%s %s', c.relname, a.attname)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'reporting'::regnamespace
  AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
UNION ALL
SELECT proname FROM pg_proc
WHERE pronamespace = 'reporting'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL`) {
		t.Errorf("no comment on %s", missing)
	}
}

// A function that runs as its owner must not look anything up in a schema that its caller could fill.
func TestReportFunctionsAreSafeToRunAsOwner(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated(t))
	for _, unsafe := range lines(t, conn, `
SELECT proname FROM pg_proc
WHERE prosecdef
  AND (NOT 'search_path=pg_catalog, pg_temp' = ANY (proconfig) OR proconfig IS NULL
       OR has_function_privilege('public', oid, 'EXECUTE'))`) {
		t.Errorf("%s has no fixed search_path or is open to PUBLIC", unsafe)
	}
}

func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := plain(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// lines are the rows of a query that has one column of text.
func lines(t testing.TB, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}
