package store_test

import (
	"context"
	"maps"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
	"syncer/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var template = pgtest.Migrated(func(ctx context.Context, dsn string) error {
	m, err := store.NewMigrator(ctx, dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.Up(ctx)
	return err
})

// migrated is the connection string of a database of the test's own that holds the current schema.
func migrated(t testing.TB) string {
	t.Helper()
	return pgtest.New(t, template)
}

// plain connects for the test's own questions, whatever the database's defaults are.
func plain(ctx context.Context, dsn string) (*pgx.Conn, error) {
	config, err := plainConfig(dsn)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

func plainConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"timezone": "UTC", "datestyle": "ISO", "intervalstyle": "postgres", "bytea_output": "hex", "extra_float_digits": "1", "client_encoding": "UTF8",
		"default_transaction_isolation": "read committed", "standard_conforming_strings": "on", "search_path": `"$user", public`,
		"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
	})
	return config, nil
}
