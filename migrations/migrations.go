// Package migrations holds the database schema as goose SQL files, embedded into the binary. The plain goose command line
// works on the folder too.
package migrations

import "embed"

// FS holds the migration files at its root.
//
//go:embed *.sql
var FS embed.FS
