// Package localpg runs a private PostgreSQL from the server programs that this machine has.
//
// A throwaway server lives in a temporary folder and vanishes with the process that started it, even when that process is
// killed. A durable server keeps its data in a folder of the user's. The first process that names the folder starts it, others
// join, and it stops when the last of them is gone, however that one ended.
//
// Nothing of a server can be reached over the network: it listens on a socket in a folder that only the user it runs as (and
// root) can enter, which is why no password is asked for. That also spares the search for a free port, which another process
// could take between the search and the start.
//
// PostgreSQL refuses to run as root. Started by root, its programs run as the owner of the data they find, or as the user
// postgres, or as nobody.
package localpg

import (
	"errors"
	"log/slog"
)

// Database is the name of the database that every server is started with.
const Database = "syncer"

// oldestMajor is the oldest PostgreSQL whose SQL the program uses (MERGE, NULLS NOT DISTINCT).
const oldestMajor = 15

// ErrNoServer says that this machine has no server programs that would do.
var ErrNoServer = errors.New("no PostgreSQL server programs (15 or later) on this machine: apt-get install postgresql")

// Options tell what server is wanted. The zero value is a throwaway server.
type Options struct {
	// Dir is the folder of a durable server, made when it does not exist. It may be relative. Empty means throwaway.
	Dir string
	// Programs is the folder of the server programs to use. Empty means those on PATH, else the newest of the known folders.
	Programs string
	// Logger gets the server's starts and stops at level debug. Nil means silence.
	Logger *slog.Logger
	// Settings are server parameters by name; they win over the package's own.
	Settings map[string]string
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}
