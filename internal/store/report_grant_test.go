package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/store"
)

// reader is a connection of a new role that was granted to read reports, beside one of the owner.
func reader(t *testing.T, dsn string) (reader, owner *pgx.Conn) {
	t.Helper()
	owner = connect(t, dsn)
	role := fmt.Sprintf(`reader "%d`, time.Now().UnixNano()) // a name that must be quoted
	quoted := pgx.Identifier{role}.Sanitize()
	m, err := store.NewMigrator(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.GrantReader(t.Context(), role); !errors.Is(err, store.ErrNoRole) {
		t.Errorf("grant to a role that is not there: %v", err)
	}
	if _, err := owner.Exec(t.Context(), "CREATE ROLE "+quoted+" LOGIN PASSWORD 'reader'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		conn, err := plain(ctx, dsn)
		if err == nil {
			defer conn.Close(ctx)
			_, err = conn.Exec(ctx, "DROP OWNED BY "+quoted+"; DROP ROLE "+quoted)
		}
		if err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		if err := m.GrantReader(t.Context(), role); err != nil {
			t.Fatal(err)
		}
	}
	config, err := plainConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = role, "reader"
	if reader, err = pgx.ConnectConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(context.Background()) })
	return reader, owner
}

func TestReaderReadsReportsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.season()
	conn, owner := reader(t, w.dsn)
	for _, name := range lines(t, owner, "SELECT relname::text FROM pg_class WHERE relnamespace = 'reporting'::regnamespace") {
		if _, err := conn.Exec(t.Context(), "SELECT * FROM reporting."+name); err != nil {
			t.Errorf("view %s: %v", name, err)
		}
	}
	for _, call := range []string{
		"images_as_of(now())", "top_images(NULL, NULL, 5)", "movers(7, 5)", "stale_images(1)",
		"pulls_by_day('2026-03-01', '2026-04-30', 'UTC')", "repo_pulls_by_day('2026-03-01', '2026-04-30', 'UTC')",
	} {
		if _, err := conn.Exec(t.Context(), "SELECT * FROM reporting."+call); err != nil {
			t.Errorf("function %s: %v", call, err)
		}
	}
	for _, sql := range []string{
		"SELECT * FROM syncer.images", "SELECT syncer.report_now()", "SELECT * FROM syncer.migrations",
		"UPDATE reporting.runs SET status = 'ok'", "DELETE FROM reporting.repos", "CREATE TABLE reporting.t ()", "CREATE TABLE t ()",
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v, want permission denied", sql, err)
		}
	}
	// What a later migration adds can be read too.
	for _, sql := range []string{
		"CREATE VIEW reporting.later AS SELECT 1 AS one",
		"CREATE FUNCTION reporting.later() RETURNS integer LANGUAGE sql RETURN 1", "REVOKE ALL ON FUNCTION reporting.later FROM PUBLIC",
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "SELECT reporting.later() FROM reporting.later"); err != nil {
		t.Error(err)
	}
}
