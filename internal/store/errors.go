package store

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// connectError is a connection that could not be made, told in one line. The driver tells every try in a line of its own, and tries
// each address twice where TLS is preferred.
type connectError struct{ *pgconn.ConnectError }

func (e connectError) Error() string {
	head, tries, _ := strings.Cut(e.ConnectError.Error(), ":")
	var told []string
	for line := range strings.SplitSeq(tries, "\n") {
		line = strings.TrimSpace(line)
		again := slices.ContainsFunc(told, func(before string) bool { return strings.HasSuffix(before, line) })
		if line != "" && !again {
			told = append(told, line)
		}
	}
	return head + ": " + strings.Join(told, "; ")
}

func (e connectError) Unwrap() error { return e.ConnectError }

// notAllowed is PostgreSQL's code for what a role may not do.
const notAllowed = "42501"

// deniedError is something that the role may not do. The database is there and works, but not for this role.
type deniedError struct{ *pgconn.PgError }

func (e deniedError) Error() string {
	return e.Message + ": use the role that owns the schema, the one that ran syncer migrate up"
}

func (e deniedError) Unwrap() error { return e.PgError }

// Is makes it an error of the database for the exit code.
func (e deniedError) Is(target error) bool { return target == ErrDatabase }

// Role is the role that the database is used as.
func (s *Store) Role() string { return s.pool.Config().ConnConfig.User }
