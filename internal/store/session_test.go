package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
	"syncer/internal/registry"
	"syncer/internal/store"
)

// execute runs statements as the owner of a database.
func execute(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn := connect(t, dsn)
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return config.Database
}

// sibling makes another database on the test's server, in the way that its owner chose.
func sibling(t *testing.T, dsn, options string) string {
	t.Helper()
	name := databaseOf(t, dsn) + "_2"
	execute(t, dsn, "CREATE DATABASE "+name+" "+options)
	t.Cleanup(func() {
		conn, err := plain(t.Context(), dsn)
		if err == nil {
			_, err = conn.Exec(t.Context(), "DROP DATABASE "+name+" WITH (FORCE)")
		}
		if err != nil {
			t.Log(err)
		}
	})
	return strings.Replace(dsn, databaseOf(t, dsn), name, 1)
}

// A database that cannot hold the registry's names is refused before anything is done to it.
func TestOtherEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	first := pgtest.Empty(t)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1", "EUC_CN"} {
		dsn := sibling(t, first, fmt.Sprintf("ENCODING '%s' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", encoding))
		_, opened := store.Open(t.Context(), dsn, store.Options{})
		_, migrated := store.NewMigrator(t.Context(), dsn)
		for _, err := range []error{opened, migrated} {
			if !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), encoding) || !strings.Contains(err.Error(), "ENCODING 'UTF8'") {
				t.Errorf("%s: %v", encoding, err)
			}
		}
		execute(t, first, "DROP DATABASE "+strings.SplitN(dsn[strings.LastIndex(dsn, "/")+1:], "?", 2)[0]+" WITH (FORCE)")
	}
}

// Whoever may not write is told so, and not that the database is away.
func TestReadOnlyDatabaseIsToldAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.season()
	execute(t, w.dsn, "ALTER DATABASE "+databaseOf(t, w.dsn)+" SET default_transaction_read_only = on")
	s := worldOn(t, w.dsn).s
	_, began := s.BeginRun(t.Context(), store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "test", StartedAt: w.now})
	m, err := store.NewMigrator(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, down := m.Down(t.Context())
	for _, err := range []error{began, down, s.Writable(t.Context())} {
		if !errors.Is(err, store.ErrDatabase) || !errors.Is(err, store.ErrReadOnly) {
			t.Errorf("%v", err)
		}
	}
	if err := w.s.Writable(t.Context()); err != nil {
		t.Errorf("a session from before: %v", err)
	}
}

// The limits of time that an address sets are kept; those of a role, a database or a server are for others.
func TestWhatAnAddressSetsIsKept(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Awkward(t, template)
	for options, want := range map[string]string{
		"":                                   "0|0",
		"options=-c%20statement_timeout%3D7": "7ms|0",
		"statement_timeout=7&lock_timeout=8": "7ms|8ms",
		"options=-c%20timezone%3DAsia%2FShanghai%20-c%20search_path%3Delsewhere": "0|0",
	} {
		joined := dsn + "&" + options
		if !strings.Contains(dsn, "?") {
			joined = dsn + "?" + options
		}
		got, err := store.SessionSettings(t.Context(), joined, "statement_timeout", "lock_timeout")
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %q, %v, want %s", options, got, err, want)
		}
		got, err = store.SessionSettings(t.Context(), joined, "TimeZone", "search_path", "client_encoding", "transaction_isolation")
		if err != nil || strings.Join(got, "|") != "UTC|pg_catalog, pg_temp|UTF8|read committed" {
			t.Errorf("%s: %q, %v", options, got, err)
		}
	}
}
