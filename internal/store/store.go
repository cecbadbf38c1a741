// Package store keeps what was read in PostgreSQL: it migrates the schema, applies snapshots, keeps the history of counters
// and its daily roll-up, records runs, and reads all of that back for reports.
//
// It works through a pooler in transaction mode: no session state, no named prepared statements, locks that end with their
// transaction. Only migrations want a direct connection.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrDatabase is wrapped by every error that means the database cannot be reached or does not do its work.
	ErrDatabase = errors.New("database unavailable")
	// ErrSchema is wrapped when the schema is older or newer than the program.
	ErrSchema = errors.New("database schema does not fit this version")
	// ErrDSN is wrapped when the connection string cannot be understood. Its text never quotes the string.
	ErrDSN = errors.New("connection string cannot be parsed")
)

// connectTimeout bounds a single attempt to connect, so that a black hole is an answer and not a hang.
const connectTimeout = 10 * time.Second

// Options adjust a Store.
type Options struct {
	Logger   *slog.Logger // nil: silent
	MaxConns int32        // 0: 4. One more is used for the lock of a run.
}

// Store is a PostgreSQL database that holds syncer's schema. It is safe for concurrent use.
type Store struct {
	pool connPool
	log  *slog.Logger
}

// Open connects to the database. It fails with ErrDSN or ErrDatabase, and with ErrSchema when its encoding is not
// UTF-8.
func Open(ctx context.Context, dsn string, opt Options) (*Store, error) {
	maxConns := int32(4)
	if opt.MaxConns > 0 {
		maxConns = opt.MaxConns
	}
	pool, err := openPool(ctx, dsn, maxConns)
	if err != nil {
		return nil, err
	}
	log := opt.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{pool: pool, log: log}, nil
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return databaseError("ping", s.pool.Ping(ctx)) }

// databaseError wraps an error of the database with what was done. A cancelled context stays recognisable.
func databaseError(doing string, err error) error {
	if own, ok := errors.AsType[schemaError](err); ok {
		return fmt.Errorf("%s: %w", doing, own) // without the connection's words, which say less
	}
	switch {
	case err == nil, errors.Is(err, ErrDatabase), errors.Is(err, ErrSchema):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == readOnlyTransaction {
		return fmt.Errorf("%s: %w: %w", doing, ErrDatabase, ErrReadOnly)
	}
	if refused, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		// The text of a ConnectError is built of host, user and database; the password is not in it.
		return fmt.Errorf("%s: %w: %w", doing, ErrDatabase, connectError{refused})
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == notAllowed {
		return fmt.Errorf("%s: %w", doing, deniedError{pg})
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrDatabase, err)
}

// concernsData tells an error that lies in what one repo wanted to write (class 22 data exception, 23 integrity constraint,
// 54 program limit such as an index row too large) from one of the database.
func concernsData(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 {
		return false
	}
	class := pg.Code[:2]
	return class == "22" || class == "23" || class == "54"
}

// worthRetrying tells an error that the same transaction may not meet again: serialization failure or deadlock.
func worthRetrying(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
