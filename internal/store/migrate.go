package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"syncer/migrations"
)

// undefinedTable is PostgreSQL's code for a table that is not there.
const undefinedTable = "42P01"

// Migrator changes the schema. It takes a session lock, so it wants a direct connection and not a transaction pooler.
type Migrator struct {
	db       *sql.DB
	provider *goose.Provider
}

// versionTable is where the goose command line looks too. It is named with its schema because "$user" comes first on the search
// path: for a role called syncer another table would be meant once schema syncer is there.
const versionTable = "public.goose_db_version"

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time // zero when not applied
	Duration  time.Duration
}

// NewMigrator connects for migrating. It fails with ErrDSN or ErrDatabase.
func NewMigrator(ctx context.Context, dsn string) (*Migrator, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, ErrDSN
	}
	prepareConn(config)
	db := stdlib.OpenDB(*config)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, databaseError("connect", err)
	}
	// Any number of jobs may start at once on an empty database; each waits its turn, two minutes at most.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithSessionLocker(locker), goose.WithTableName(versionTable))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &Migrator{db: db, provider: provider}, nil
}

// Close ends the connection.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies all migrations that are missing and returns those it applied.
func (m *Migrator) Up(ctx context.Context) ([]Migration, error) {
	results, err := m.provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate up: %w: %w", ErrSchema, err)
	}
	return applied(results), nil
}

// Down takes back the newest migration and returns it; nothing when there is none.
func (m *Migrator) Down(ctx context.Context) ([]Migration, error) {
	result, err := m.provider.Down(ctx)
	switch {
	case errors.Is(err, goose.ErrNoNextVersion):
		return []Migration{}, nil
	case err != nil:
		return nil, fmt.Errorf("migrate down: %w: %w", ErrSchema, err)
	}
	return applied([]*goose.MigrationResult{result}), nil
}

// Status lists all migrations, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	states, err := m.provider.Status(ctx)
	if err != nil {
		return nil, databaseError("read migration status", err)
	}
	list := make([]Migration, len(states))
	for i, s := range states {
		list[i] = Migration{
			Version: s.Source.Version, Name: s.Source.Path,
			Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
		}
	}
	return list, nil
}

func applied(results []*goose.MigrationResult) []Migration {
	list := make([]Migration, len(results))
	for i, r := range results {
		list[i] = Migration{Version: r.Source.Version, Name: r.Source.Path, Applied: true, Duration: r.Duration}
	}
	return list
}

// CheckSchema fails with ErrSchema when the database is not at the version this program is made for.
func (s *Store) CheckSchema(ctx context.Context) error {
	versions, err := migrations.Versions()
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	want := versions[len(versions)-1]
	var have int64
	err = s.pool.QueryRow(ctx, `
-- name: SchemaVersion
SELECT COALESCE(MAX(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&have)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == undefinedTable {
		err = nil
	}
	switch {
	case err != nil:
		return databaseError("read schema version", err)
	case have < want:
		return fmt.Errorf("%w: it is at version %d and this program needs %d; run syncer migrate up", ErrSchema, have, want)
	case have > want:
		return fmt.Errorf("%w: it is at version %d and this program knows %d; use a newer syncer", ErrSchema, have, want)
	}
	return nil
}
