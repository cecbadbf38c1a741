package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"syncer/migrations"
)

// Migrator changes the schema. It takes a session lock, so it wants a direct connection and not a transaction pooler.
type Migrator struct {
	db       *sql.DB
	provider *goose.Provider
}

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time // zero when not applied
	Duration  time.Duration
}

// NewMigrator connects for migrating. It fails with ErrDSN or ErrDatabase, and with ErrSchema when the database's encoding is not UTF-8.
func NewMigrator(ctx context.Context, dsn string) (*Migrator, error) {
	db, err := openDB(ctx, dsn, true)
	if poolerRefuses(err) { // one in session mode will do
		db, err = openDB(ctx, dsn, false)
	}
	if err != nil {
		return nil, err
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

func openDB(ctx context.Context, dsn string, direct bool) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, ErrDSN
	}
	prepareConn(config, direct)
	db := stdlib.OpenDB(*config)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, databaseError("connect", err)
	}
	return db, nil
}

// Close ends the connection.
func (m *Migrator) Close() error { return m.db.Close() }

// Up applies all migrations that are missing and returns those it applied. goose's own command line may be at it too, and takes no lock:
// where it was faster, what failed here is done, and Up goes on behind it.
func (m *Migrator) Up(ctx context.Context) ([]Migration, error) {
	var done []*goose.MigrationResult
	for {
		before, err := m.countVersions(ctx)
		if err != nil {
			return nil, migrateError("up", err)
		}
		results, err := m.up(ctx)
		done = append(done, results...)
		if err == nil {
			return applied(done), nil
		}
		after, lookErr := m.countVersions(ctx)
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || lookErr != nil || after == before+len(results) && pg.Code != deadlockDetected {
			return nil, migrateError("up", err)
		}
	}
}

// up tries once. It returns what it applied, also when it fails.
func (m *Migrator) up(ctx context.Context) ([]*goose.MigrationResult, error) {
	if err := m.makeReady(ctx); err != nil {
		return nil, err
	}
	results, err := m.provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		return partial.Applied, err
	}
	if err == nil {
		err = m.noteVersion(ctx)
	}
	return results, err
}

// Down takes back the newest migration and returns it; nothing when there is none. What others made is left alone: where it
// stands on what would go, Down fails, names it and changes nothing.
func (m *Migrator) Down(ctx context.Context) ([]Migration, error) {
	versions, err := m.versions(ctx)
	if err != nil {
		return nil, databaseError("migrate down", err)
	}
	if len(versions) == 0 {
		return []Migration{}, nil
	}
	result, err := m.provider.Down(ctx)
	switch {
	case errors.Is(err, goose.ErrNoNextVersion):
		return []Migration{}, nil
	case err != nil:
		return nil, migrateError("down", err)
	}
	if err := m.noteVersion(ctx); err != nil {
		return nil, migrateError("down", err)
	}
	return applied([]*goose.MigrationResult{result}), nil
}

// migrateError adds to an error what the server says beside its message: which objects are in the way.
func migrateError(way string, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	advice := ""
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("migrate %s: %w", way, err)
	case ok && pg.Code == readOnlyTransaction:
		return databaseError("migrate "+way, err)
	case ok && pg.Code == dependentObjects:
		return schemaError{fmt.Sprintf("migrate %s: others' objects are in the way, and nothing was changed: drop them or move them away first: %s",
			way, strings.ReplaceAll(pg.Detail, "\n", "; ")), err}
	case ok && pg.Code == insufficientPrivilege:
		advice = "; GRANT CREATE ON DATABASE to the role, or have the database's owner run " +
			"CREATE SCHEMA syncer AUTHORIZATION ROLE and CREATE SCHEMA reporting AUTHORIZATION ROLE"
	}
	return schemaError{fmt.Sprintf("migrate %s: %v%s", way, err, advice), err}
}

// Status lists all migrations, oldest first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	when, err := m.versions(ctx)
	if err != nil {
		return nil, databaseError("read migration status", err)
	}
	sources := m.provider.ListSources()
	list := make([]Migration, len(sources))
	for i, s := range sources {
		at, ok := when[s.Version]
		list[i] = Migration{Version: s.Version, Name: s.Path, Applied: ok, AppliedAt: at}
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
