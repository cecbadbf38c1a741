package store

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Nothing here relies on what a role, a database or a server sets by default. What the SQL depends on is sent with the packet that
// opens a connection, where it costs nothing and beats every default.

// pins are the settings that poolers keep for each of their clients.
var pins = map[string]string{
	"timezone":                    "UTC",
	"client_encoding":             "UTF8", // names would be converted, or refused, on the way
	"datestyle":                   "ISO, MDY",
	"standard_conforming_strings": "on",
}

// directPins are refused by a pooler in transaction mode, whose sessions are nobody's. There each transaction says its isolation
// level, all names stand with their schema, and the pooler's operator answers for the rest.
var directPins = map[string]string{
	"default_transaction_isolation":  "read committed", // a look that waited for another must see what that one wrote
	"default_transaction_deferrable": "off",
	"search_path":                    "pg_catalog, pg_temp", // nobody's now() or operator comes before PostgreSQL's
	"intervalstyle":                  "postgres",
	"bytea_output":                   "hex",
	"extra_float_digits":             "1",
}

// limits of time that a server sets for others are not meant for an import of an hour or a connection that waits for the next
// run. Those that the address itself sets are kept: whoever wrote it meant this program.
var limits = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}

// ErrReadOnly is wrapped, beside ErrDatabase, where nobody may write. default_transaction_read_only is not overruled: somebody set it so
// that nothing is written.
var ErrReadOnly = errors.New("the database may not be written: it is a standby, or default_transaction_read_only is set for the server, the database or the role; " +
	"name the primary in DATABASE_URL, or ALTER ROLE ... SET default_transaction_read_only = off")

// readOnlyTransaction is PostgreSQL's code for a write where none is allowed.
const readOnlyTransaction = "25006"

// prepareConn makes a connection fit for transaction pooling. Descriptions of statements are cached here and not in the
// server, which then plans each statement for its actual arguments: a generic plan for unnest() is ten times slower.
func prepareConn(c *pgx.ConnConfig, direct bool) {
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	options := strings.ToLower(c.RuntimeParams["options"])
	params := map[string]string{"application_name": "syncer"}
	maps.Copy(params, lowerKeys(c.RuntimeParams))
	maps.Copy(params, pins)
	if direct {
		maps.Copy(params, directPins)
		for _, limit := range limits {
			if _, set := params[limit]; !set && !strings.Contains(options, limit) {
				params[limit] = "0"
			}
		}
	}
	c.RuntimeParams = params
	c.AfterConnect = checkEncoding
}

func lowerKeys(m map[string]string) map[string]string {
	lower := map[string]string{}
	for key, value := range m {
		lower[strings.ToLower(key)] = value
	}
	return lower
}

// poolerRefuses reports whether an error is a pooler's answer to a setting that it does not keep for its clients.
func poolerRefuses(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "08P01" && strings.Contains(pg.Message, "startup parameter")
}

// schemaError is ErrSchema in words of its own.
type schemaError struct {
	text  string
	cause error
}

func (e schemaError) Error() string   { return e.text }
func (e schemaError) Unwrap() []error { return []error{ErrSchema, e.cause} }

// checkEncoding refuses a database that is not encoded in UTF-8, at no cost: the server says so when it is connected to.
func checkEncoding(_ context.Context, conn *pgconn.PgConn) error {
	if encoding := conn.ParameterStatus("server_encoding"); encoding != "" && encoding != "UTF8" {
		return schemaError{text: "the database is encoded in " + encoding + ", and names are UTF-8: " +
			"make another with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"}
	}
	return nil
}

// prepareTypes makes moments read as UTC, so that two of the same are equal as values too.
func prepareTypes(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// connPool is a pool whose transactions say what they depend on where its connections could not, since a pooler's session may have
// anything.
type connPool struct {
	*pgxpool.Pool
	pooled bool
}

// pinPooled is for the length of a transaction what directPins and limits are for a connection.
const pinPooled = `-- name: PinPooled
SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`

// Begin opens a transaction that sees what others have committed when each of its statements begins.
func (p connPool) Begin(ctx context.Context) (pgx.Tx, error) { return p.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx opens a transaction with these options; without a level it is read committed.
func (p connPool) BeginTx(ctx context.Context, opt pgx.TxOptions) (pgx.Tx, error) {
	if opt.IsoLevel == "" && opt.BeginQuery == "" {
		opt.IsoLevel = pgx.ReadCommitted
	}
	tx, err := p.Pool.BeginTx(ctx, opt)
	if err != nil || !p.pooled {
		return tx, err
	}
	if _, err := tx.Exec(ctx, pinPooled); err != nil {
		_ = tx.Rollback(ctx)
		return nil, err
	}
	return tx, nil
}

// Exec runs one statement, in a transaction that is pinned where its connection is not.
func (p connPool) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	if !p.pooled {
		return p.Pool.Exec(ctx, sql, args...)
	}
	err = pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
		tag, err = tx.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// openPool connects. Only the answer reports whether there is a pooler in between.
func openPool(ctx context.Context, dsn string, maxConns int32) (connPool, error) {
	pool, err := dialPool(ctx, dsn, maxConns, true)
	if poolerRefuses(err) {
		pool, err = dialPool(ctx, dsn, maxConns, false)
	}
	if errors.Is(err, ErrDSN) {
		return pool, ErrDSN // the cause quotes the string
	}
	return pool, databaseError("connect", err)
}

func dialPool(ctx context.Context, dsn string, maxConns int32, direct bool) (connPool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return connPool{}, ErrDSN
	}
	config.MaxConns = maxConns
	prepareConn(config.ConnConfig, direct)
	config.AfterConnect = prepareTypes
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return connPool{}, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return connPool{}, err
	}
	return connPool{Pool: pool, pooled: !direct}, nil
}
