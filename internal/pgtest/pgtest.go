// Package pgtest gives each test a PostgreSQL database of its own, on one real server for all of them.
//
// The server is the first of these that can be had: the one that SYNCER_TEST_DATABASE_URL names, a private server from the programs
// in the folder that SYNCER_TEST_PGBIN names, a Docker container, a private server from the machine's programs. Without any, the tests that need one are skipped and their package fails, with one line that
// says what to install. `make test` starts one server for the tests of all packages; a test that is run by itself starts one for its
// process.
//
// The schema is migrated once, into a template whose name holds a hash of the migrations; every test gets a clone of it in a
// few hundredths of a second. SYNCER_TEST_AWKWARD=1 gives each awkward defaults. Databases are dropped when their test is over. That of a failed test is kept, and its address
// printed, on a server that outlives the test.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/migrations"
)

// opLimit bounds each thing that is done to the server on behalf of a test.
const opLimit = time.Minute

// Template is a state that new databases are cloned from.
type Template struct {
	files   fs.FS // what the state depends on
	migrate func(ctx context.Context, dsn string) error
}

// Migrated is the state that the function makes of an empty database. It must be the program's own way to migrate up: the
// result is shared by all tests that see the same migration files.
func Migrated(migrate func(ctx context.Context, dsn string) error) Template {
	return Template{files: migrations.FS, migrate: migrate}
}

// New returns the connection string of a new database in the template's state.
func New(t testing.TB, from Template) string {
	t.Helper()
	s := server(t)
	template, err := s.template(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	return s.database(t, template)
}

// Empty returns the connection string of a new database without any schema.
func Empty(t testing.TB) string {
	t.Helper()
	return server(t).database(t, "template1")
}

// Main runs a package's tests and then stops the server that they started, if any: os.Exit(pgtest.Main(m)). Without it the
// server ends with the process all the same, but the folder of a private one stays until the next is started.
//
// It fails when tests were skipped for want of a server: a package must not pass because nothing was tested.
func Main(m *testing.M) int {
	shared.main = true
	code := m.Run()
	if shared.err != nil {
		fmt.Fprintln(os.Stderr, "tests were skipped:", shared.err)
		return max(code, 1)
	}
	if s := shared.server; s != nil {
		ctx, cancel := context.WithTimeout(context.Background(), opLimit)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "stop the test server:", err)
			return max(code, 1)
		}
	}
	return code
}

// shared is the process's server. It is a variable of the package because tests that know nothing of each other share it.
var shared struct {
	once   sync.Once
	server *Server
	err    error
	main   bool // Main runs the tests
}

func server(t testing.TB) *Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = Find(context.Background(), os.Getenv) })
	if shared.err != nil {
		giveUp(t, shared.main, shared.err)
	}
	return shared.server
}

// giveUp skips a test that cannot run, where Main makes up for it.
func giveUp(t testing.TB, main bool, err error) {
	t.Helper()
	if main {
		t.Skip(err)
	}
	t.Fatal(err)
}

// database makes a database for the test and sees to its end.
func (s *Server) database(t testing.TB, template string) string {
	t.Helper()
	name := databaseName(t.Name())
	if err := s.exec(t.Context(), "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	dsn := withDatabase(s.URL, name)
	if os.Getenv(awkwardVariable) != "" {
		if err := s.makeAwkward(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() && s.outlives {
			t.Logf("the test's database is kept: %s", dsn)
			return
		}
		if err := s.exec(context.Background(), "DROP DATABASE "+quote(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return dsn
}

// databaseName is unique and tells whose it is. PostgreSQL cuts names at 63 bytes.
func databaseName(test string) string {
	const longest = 40
	readable := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return "t_" + readable[:min(len(readable), longest)] + "_" + strings.ToLower(rand.Text()[:10])
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// exec runs one statement on a connection of its own: tests are many, and idle connections would add up.
func (s *Server) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, opLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}
