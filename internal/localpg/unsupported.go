//go:build !unix || aix || solaris

package localpg

import (
	"context"
	"errors"
)

// Server is a running private PostgreSQL; there is none on this system.
type Server struct{}

// Start says that this system cannot run a private server.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("a private PostgreSQL needs Linux, macOS or a BSD: use the URL of a server instead")
}

// DSN is empty, as there is no server.
func (*Server) DSN(string) string { return "" }

// Stop has nothing to do.
func (*Server) Stop(context.Context) error { return nil }
