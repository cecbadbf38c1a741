package store_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const reportingDoc = "../../docs/reporting.md"

// The dictionary is what the database says of itself.
func TestDictionary(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated(t))
	var b strings.Builder
	b.WriteString("<!-- dictionary -->\n")
	for _, view := range lines(t, conn, `
SELECT relname::text FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v' ORDER BY relname`) {
		about := lines(t, conn, "SELECT obj_description(('reporting.' || $1)::regclass, 'pg_class')", view)
		fmt.Fprintf(&b, "\n### `reporting.%s`\n\n%s\n\n| column | type | is |\n|---|---|---|\n", view, about[0])
		for _, line := range lines(t, conn, `
SELECT format('| %s | %s | %s |', attname,
    replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz'), col_description(attrelid, attnum))
FROM pg_attribute WHERE attrelid = ('reporting.' || $1)::regclass AND attnum > 0 ORDER BY attnum`, view) {
			b.WriteString(line + "\n")
		}
	}
	for _, line := range lines(t, conn, `
SELECT format(E'\n### `+"`reporting.%s(%s)`"+`\n\n%s\n\nReturns %s.', proname, pg_get_function_arguments(oid), obj_description(oid, 'pg_proc'),
    regexp_replace(pg_get_function_result(oid), '^TABLE\((.*)\)$', '\1'))
FROM pg_proc WHERE pronamespace = 'reporting'::regnamespace ORDER BY proname`) {
		b.WriteString(strings.ReplaceAll(line, "timestamp with time zone", "timestamptz") + "\n")
	}
	b.WriteString("\n<!-- /dictionary -->")
	doc, err := os.ReadFile(reportingDoc)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)<!-- dictionary -->.*<!-- /dictionary -->`)
	if *update {
		doc = part.ReplaceAllLiteral(doc, []byte(b.String()))
		if err := os.WriteFile(reportingDoc, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(b.String(), string(part.Find(doc))); diff != "" {
		t.Errorf("the dictionary in docs/reporting.md and the database (-database +docs):\n%s", diff)
	}
}

// quarterEnd is the moment that the queries of the docs take for now. It lies ahead, so that it is the last look for good.
var quarterEnd = time.Date(2031, 6, 8, 12, 30, 0, 0, time.UTC)

// The queries of the docs run as the role that the docs tell how to make, and give the results that are kept beside the tests.
func TestCookbook(t *testing.T) {
	t.Parallel()
	dsn := madeUpQuarter(t)
	conn, owner := reader(t, dsn)
	asOf(t, owner, conn)
	doc, err := os.ReadFile(reportingDoc)
	if err != nil {
		t.Fatal(err)
	}
	recipes := regexp.MustCompile("(?s)### ([^\n]+)\n[^#]*?```sql\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(recipes) < 15 {
		t.Fatalf("only %d recipes", len(recipes))
	}
	var got strings.Builder
	for _, r := range recipes {
		fmt.Fprintf(&got, "== %s\n%s\n", r[1], result(t, conn, r[2]))
		wantSame(t, conn, r[1], r[2], elsewhere...)
	}
	goldenText(t, "testdata/cookbook.txt", got.String())
	for _, view := range lines(t, owner, "SELECT relname::text FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v'") {
		wantSame(t, conn, view, "SELECT * FROM reporting."+view, elsewhere[1])
	}
}

// asOf makes now() the end of the made-up quarter for a connection.
func asOf(t *testing.T, owner, conn *pgx.Conn) {
	t.Helper()
	for _, sql := range []string{
		"CREATE SCHEMA simulated",
		"GRANT USAGE ON SCHEMA simulated TO PUBLIC",
		"CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE RETURN timestamptz '" + quarterEnd.Format(time.RFC3339) + "'",
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), usualSession); err != nil {
		t.Fatal(err)
	}
}

// elsewhere are sessions in which a query that relies on the usual defaults gives something else: east and west of UTC, in a zone
// whose clock changes at midnight, with other notations and a search path that leads into another schema.
var elsewhere = []string{
	"SET timezone = 'Asia/Shanghai'; SET datestyle = 'German'; SET search_path = simulated, pg_catalog, public",
	"SET timezone = 'America/Havana'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'sql_standard'",
	"SET timezone = 'Pacific/Kiritimati'; SET datestyle = 'Postgres, MDY'; SET extra_float_digits = -15",
}

// wantSame runs a query in odd sessions too. Values are compared, not their notation.
func wantSame(t *testing.T, conn *pgx.Conn, what, query string, sessions ...string) {
	t.Helper()
	rows := func() [][]any {
		found, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		all, err := pgx.CollectRows(found, func(row pgx.CollectableRow) ([]any, error) {
			values, err := row.Values()
			for i, v := range values {
				if at, ok := v.(time.Time); ok {
					values[i] = at.UTC().Format(time.RFC3339Nano)
				}
				if _, ok := v.(pgtype.Numeric); ok {
					values[i] = fmt.Sprint(v)
				}
			}
			return values, err
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return all
	}
	want := rows()
	for _, session := range sessions {
		if _, err := conn.Exec(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rows()); diff != "" {
			t.Errorf("%s after %s (-usual +there):\n%s", what, session, diff)
		}
	}
	if _, err := conn.Exec(t.Context(), usualSession); err != nil {
		t.Fatal(err)
	}
}

const usualSession = "SET search_path = simulated, pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1"

// result is what a query returns, as text under a header.
func result(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		t.Errorf("%v\n%s", err, sql)
		return err.Error()
	}
	defer rows.Close()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	n := 0
	for rows.Next() {
		if n++; n == 1 {
			for _, f := range rows.FieldDescriptions() {
				fmt.Fprint(w, f.Name, "\t")
			}
			fmt.Fprintln(w)
		}
		for _, value := range rows.RawValues() {
			fmt.Fprint(w, nullOr(value), "\t")
		}
		fmt.Fprintln(w)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%v\n%s", err, sql)
	}
	if n == 0 {
		t.Errorf("no rows, which shows nothing:\n%s", sql)
	}
	w.Flush()
	return regexp.MustCompile(` +\n`).ReplaceAllString(b.String(), "\n")
}

func nullOr(value []byte) string {
	if value == nil {
		return "NULL"
	}
	return string(value)
}

func goldenText(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
