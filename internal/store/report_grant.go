package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// undefinedObject is PostgreSQL's code for, among others, a role that does not exist.
const undefinedObject = "42704"

// ErrNoRole is wrapped when a role that is to be granted something does not exist.
var ErrNoRole = errors.New("role does not exist")

// GrantReader lets an existing role read schema reporting, what is in it now and what later migrations put there, and nothing
// else. Doing it twice does no harm.
func (m *Migrator) GrantReader(ctx context.Context, role string) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return databaseError("grant reader", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	to := " TO " + pgx.Identifier{role}.Sanitize()
	for _, grant := range []string{
		"GRANT USAGE ON SCHEMA reporting",
		"GRANT SELECT ON ALL TABLES IN SCHEMA reporting",
		"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reporting",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT EXECUTE ON FUNCTIONS",
	} {
		if _, err := tx.ExecContext(ctx, "-- name: GrantReader\n"+grant+to); err != nil {
			var pg *pgconn.PgError
			if errors.As(err, &pg) && pg.Code == undefinedObject {
				return fmt.Errorf("grant reader %q: %w: make it with CREATE ROLE ... LOGIN first", role, ErrNoRole)
			}
			return databaseError("grant reader", err)
		}
	}
	return databaseError("grant reader", tx.Commit())
}
