// Package migrations holds the database schema as goose SQL files, embedded into the binary. The plain goose command line
// works on the folder too, with -table syncer.migrations in a database that has schema syncer.
package migrations

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
)

// FS holds the migration files at its root.
//
//go:embed *.sql
var FS embed.FS

// Versions lists the numbers of all migrations in ascending order.
func Versions() ([]int64, error) {
	names, err := fs.Glob(FS, "*.sql") // sorted, and the numbers are zero-padded
	if err != nil {
		return nil, err
	}
	versions := make([]int64, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		if versions[i], err = strconv.ParseInt(number, 10, 64); err != nil {
			return nil, err
		}
	}
	return versions, nil
}
