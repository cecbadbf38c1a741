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
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
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
	pool   *pgxpool.Pool
	log    *slog.Logger
	months sync.Map // time.Time of each month whose partitions are known to be there
}

// Open connects to the database. It fails with ErrDSN or ErrDatabase.
func Open(ctx context.Context, dsn string, opt Options) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, ErrDSN // the cause quotes the string
	}
	config.MaxConns = 4
	if opt.MaxConns > 0 {
		config.MaxConns = opt.MaxConns
	}
	prepareConn(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, databaseError("connect", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, databaseError("connect", err)
	}
	log := opt.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{pool: pool, log: log}, nil
}

// prepareConn makes a connection fit for transaction pooling. Descriptions of statements are cached here and not in the
// server, which then plans each statement for its actual arguments: a generic plan for unnest() is ten times slower.
func prepareConn(c *pgx.ConnConfig) {
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	for name, value := range map[string]string{"application_name": "syncer", "timezone": "UTC"} {
		if _, set := c.RuntimeParams[name]; !set || name == "timezone" {
			c.RuntimeParams[name] = value
		}
	}
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return databaseError("ping", s.pool.Ping(ctx)) }

// databaseError wraps an error of the database with what was done. A cancelled context stays recognisable.
func databaseError(doing string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrDatabase), errors.Is(err, ErrSchema):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	}
	if refused, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		// The text of a ConnectError is built of host, user and database; the password is not in it.
		return fmt.Errorf("%s: %w: %w", doing, ErrDatabase, refused)
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
