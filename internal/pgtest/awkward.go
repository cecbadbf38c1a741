package pgtest

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// awkwardVariable gives every test's database awkward defaults: `make awkward`.
const awkwardVariable = "SYNCER_TEST_AWKWARD"

// awkwardDefaults are what somebody may have set for a database or a role, each for a good reason. A program that relies on what is
// usual goes wrong by at least one of them.
var awkwardDefaults = map[string]string{
	"timezone":                            "Asia/Shanghai",
	"datestyle":                           "German",
	"intervalstyle":                       "sql_standard",
	"bytea_output":                        "escape",
	"extra_float_digits":                  "-15",
	"client_encoding":                     "LATIN1",
	"default_transaction_isolation":       "serializable",
	"default_transaction_deferrable":      "on",
	"standard_conforming_strings":         "off",
	"search_path":                         "elsewhere, public",
	"statement_timeout":                   "300ms",
	"lock_timeout":                        "20ms",
	"idle_in_transaction_session_timeout": "200ms",
	"idle_session_timeout":                "300ms",
}

// elsewhere is a schema with a clock and a cast of its own, for those who call now() without saying whose.
const elsewhere = `
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.now() RETURNS timestamptz LANGUAGE sql STABLE RETURN timestamptz '1999-01-01 00:00Z';
GRANT USAGE ON SCHEMA elsewhere TO PUBLIC`

// makeAwkward sets the defaults for a database, those that the server still has: PostgreSQL 19 knows standard strings only.
func (s *Server) makeAwkward(ctx context.Context, name string) error {
	var b strings.Builder
	for setting, value := range awkwardDefaults {
		b.WriteString("DO $do$ BEGIN ALTER DATABASE " + quote(name) + " SET " + setting + " = " + listOf(value) +
			"; EXCEPTION WHEN feature_not_supported THEN END $do$; ")
	}
	return s.exec(ctx, b.String())
}

// listOf quotes each part of a value: of a quoted whole a search path would be one name.
func listOf(value string) string { return "'" + strings.ReplaceAll(value, ", ", "', '") + "'" }

// Awkward returns the connection string of a new database in the template's state that has awkward defaults, as a role that has
// no right on schema public and may do no more than make schemas and temporary tables.
func Awkward(t testing.TB, from Template) string {
	t.Helper()
	s := server(t)
	owner := s.database(t, "template1")
	name, role := lastPart(owner), databaseName("role")
	ctx := t.Context()
	if err := s.exec(ctx, "CREATE ROLE "+quote(role)+" LOGIN PASSWORD 'awkward'; GRANT CREATE, TEMPORARY ON DATABASE "+quote(name)+" TO "+quote(role)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before that of the database, whose end takes what the role owns
		run(context.Background(), t, owner, "DROP OWNED BY "+quote(role)+" CASCADE; DROP ROLE "+quote(role))
	})
	run(ctx, t, owner, elsewhere+"; REVOKE ALL ON SCHEMA public FROM PUBLIC")
	if err := s.makeAwkward(ctx, name); err != nil {
		t.Fatal(err)
	}
	dsn := withUser(owner, role, "awkward")
	if err := from.migrate(ctx, dsn); err != nil {
		t.Fatalf("migrate an awkward database: %v", err)
	}
	return dsn
}

func run(ctx context.Context, t testing.TB, dsn, sql string) {
	t.Helper()
	if err := (&Server{URL: dsn}).exec(ctx, sql); err != nil {
		t.Error(err)
	}
}

func lastPart(dsn string) string {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return config.Database
}

// withUser is the connection string, of either form, for another user.
func withUser(dsn, user, password string) string {
	if u, err := url.Parse(dsn); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.User = url.UserPassword(user, password)
		q := u.Query()
		q.Del("user")
		q.Del("password")
		u.RawQuery = q.Encode()
		return u.String()
	}
	return dsn + " user=" + user + " password=" + password
}
