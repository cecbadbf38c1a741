package store_test

import (
	"context"
	"os"
	"testing"

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
