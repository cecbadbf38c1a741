package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// minVersion is the oldest PostgreSQL that this is tested with, as the server writes it.
const minVersion = 150000

// ServerVersion is the server's version as people write it. It fails with ErrDatabase when the server is too old.
func (s *Store) ServerVersion(ctx context.Context) (string, error) {
	var text string
	var number int
	if err := s.pool.QueryRow(ctx, `
-- name: ServerVersion
SELECT current_setting('server_version'), current_setting('server_version_num')::integer`).Scan(&text, &number); err != nil {
		return "", databaseError("read server version", err)
	}
	if number < minVersion {
		return text, fmt.Errorf("%w: PostgreSQL %s is too old, 15 or later is needed", ErrDatabase, text)
	}
	return text, nil
}

// Writable fails with ErrDatabase where nobody may write: on a standby, or where the default says so.
func (s *Store) Writable(ctx context.Context) error {
	var readOnly bool
	err := s.pool.QueryRow(ctx, `
-- name: ReadOnly
SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean`).Scan(&readOnly)
	if err == nil && readOnly {
		err = fmt.Errorf("%w: %w", ErrDatabase, ErrReadOnly)
	}
	return databaseError("read whether the database may be written", err)
}

// MissingPrivileges tells what the role of the connection may not do and a run, an import or a migration must: nothing, when all is
// well. Before the first migration that is what the migration must.
func (s *Store) MissingPrivileges(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
-- name: MissingPrivileges
WITH base AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relname = 'migrations' AS read_only
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'syncer' AND c.relkind IN ('r', 'p', 'S')
)
SELECT missing FROM (
    SELECT 'CREATE on the database, for the first migration' AS missing
    WHERE (to_regnamespace('syncer') IS NULL OR to_regnamespace('reporting') IS NULL) AND NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'TEMPORARY on the database, for imports' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    UNION ALL
    SELECT right_ || ' on schema syncer' FROM unnest(ARRAY['USAGE', 'CREATE']) AS right_
    WHERE to_regnamespace('syncer') IS NOT NULL AND NOT has_schema_privilege('syncer', right_)
    UNION ALL
    -- One that others made cannot be described, nor its views replaced, by a migration.
    SELECT 'ownership of schema reporting' FROM pg_catalog.pg_namespace
    WHERE nspname = 'reporting' AND NOT pg_has_role(nspowner, 'USAGE')
    UNION ALL
    SELECT right_ || ' on table syncer.' || relname
    FROM base, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS right_
    WHERE relkind <> 'S' AND (right_ = 'SELECT' OR NOT read_only) AND NOT has_table_privilege(oid, right_)
    UNION ALL
    SELECT 'USAGE on sequence syncer.' || relname FROM base
    WHERE CASE WHEN relkind = 'S' AND NOT relname LIKE 'migrations%' THEN NOT has_sequence_privilege(oid, 'USAGE') END
    UNION ALL
    -- Only an owner attaches and drops partitions.
    SELECT 'ownership of table syncer.' || relname FROM base WHERE relkind = 'p' AND NOT pg_has_role(relowner, 'USAGE')
) m
ORDER BY missing`)
	if err != nil {
		return nil, databaseError("read privileges", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return list, databaseError("read privileges", err)
}
