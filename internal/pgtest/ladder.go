package pgtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/localpg"
)

// Variables that decide where tests find their server.
const (
	// URLVariable names a server to use; its user must be allowed to create databases.
	URLVariable = "SYNCER_TEST_DATABASE_URL"
	// imageVariable names the container image to use, made as the official one is.
	imageVariable = "SYNCER_TEST_POSTGRES_IMAGE"
	// ProgramsVariable names the folder of the server programs to start a private server from.
	ProgramsVariable = "SYNCER_TEST_PGBIN"
)

// connectLimit bounds the look whether a server that was named answers.
const connectLimit = 30 * time.Second

// maxConnections leaves room for test processes side by side, each with some pools.
const maxConnections = "300"

// Server is a PostgreSQL for tests.
type Server struct {
	URL      string // of its maintenance database, as a user who may create databases
	What     string // what it is, for people
	outlives bool   // it stays when the process ends
	stop     func(context.Context) error

	mu        sync.Mutex
	templates map[string]bool // those known to be there
}

// Stop ends a server that Find started and leaves alone one that it found.
func (s *Server) Stop(ctx context.Context) error {
	if s.stop == nil {
		return nil
	}
	return s.stop(ctx)
}

// rung is one way to a server. Its error says why it leads nowhere here.
type rung struct {
	name  string
	start func(ctx context.Context, getenv func(string) string) (*Server, error)
}

// Find returns the first server that can be had. One that was named, by its address or its programs, must answer: other tests than
// the ones asked for are no answer to a wrong name.
func Find(ctx context.Context, getenv func(string) string) (*Server, error) {
	return climb(ctx, getenv, []rung{{"Docker", usualDocker.start}, {"private server", startLocal}})
}

func climb(ctx context.Context, getenv func(string) string, rungs []rung) (*Server, error) {
	if dsn := getenv(URLVariable); dsn != "" {
		return named(ctx, dsn)
	}
	if getenv(ProgramsVariable) != "" {
		s, err := startLocal(ctx, getenv)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ProgramsVariable, err)
		}
		return s, nil
	}
	var why []string
	for _, r := range rungs {
		s, err := r.start(ctx, getenv)
		if err == nil {
			return s, nil
		}
		why = append(why, r.name+": "+strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return nil, fmt.Errorf("no PostgreSQL to test with: %s; %s: not set", strings.Join(why, "; "), URLVariable)
}

func named(ctx context.Context, dsn string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", URLVariable, err)
	}
	defer conn.Close(ctx)
	return &Server{URL: dsn, What: "the server of " + URLVariable, outlives: true}, nil
}

func startLocal(ctx context.Context, getenv func(string) string) (*Server, error) {
	folder := getenv(ProgramsVariable)
	s, err := localpg.Start(ctx, localpg.Options{Programs: folder, Settings: map[string]string{"max_connections": maxConnections}})
	if err != nil {
		return nil, err
	}
	what := "a private server from this machine's programs"
	if folder != "" {
		what = "a private server from the programs in " + folder
	}
	return &Server{URL: s.DSN(localpg.Database), What: what, stop: s.Stop}, nil
}
