package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/localpg"
	"syncer/internal/store"
)

// limit bounds whatever is waited for; nothing here takes a tenth of it.
const limit = time.Minute

const template = "chaos_template"

// server is a PostgreSQL that may be hurt. One schedule has it at a time.
type server struct {
	dir   string
	proxy *proxy

	mu      sync.Mutex
	running *localpg.Server
	made    int // databases
}

// startServer starts a server with a migrated template on it.
func startServer(ctx context.Context, dir string) (*server, error) {
	s := &server{dir: dir}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.proxy, err = newProxy(s.dial); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.exec(ctx, "CREATE DATABASE "+template); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	m, err := store.NewMigrator(ctx, s.direct(template))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	defer m.Close()
	_, err = m.Up(ctx)
	return s, err
}

func (s *server) start(ctx context.Context) error {
	// Processes are killed here, machines are not: nothing is lost without fsync.
	running, err := localpg.Start(ctx, localpg.Options{Dir: s.dir, Settings: map[string]string{
		"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "restart_after_crash": "on",
	}})
	s.running = running
	return err
}

func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.running.Stop(ctx)
}

// restart ends the server, at once and without a checkpoint when it is to look like a crash, and starts it anew.
func (s *server) restart(t *testing.T, crash bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if crash {
		if err := syscall.Kill(s.pid(t), syscall.SIGQUIT); err != nil {
			t.Errorf("crash the server: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.running.Stop(ctx); err != nil {
		t.Errorf("stop the server: %v", err)
	}
	if err := s.start(ctx); err != nil {
		t.Errorf("start the server again: %v", err)
	}
}

// pid is the server's process, as it tells itself.
func (s *server) pid(t *testing.T) int {
	text, err := os.ReadFile(filepath.Join(s.dir, "pgdata", "postmaster.pid"))
	if err != nil {
		t.Fatalf("find the server's process: %v", err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil || pid <= 1 {
		t.Fatalf("the server's process is %q", text)
	}
	return pid
}

// direct is the way to a database past the proxy.
func (s *server) direct(database string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running.DSN(database)
}

// proxied is the way that programs under test go.
func (s *server) proxied(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", s.proxy.listener.Addr(), database)
}

func (s *server) dial() (net.Conn, error) {
	u, err := url.Parse(s.direct(template))
	if err != nil {
		return nil, err
	}
	return net.Dial("unix", filepath.Join(u.Query().Get("host"), ".s.PGSQL."+u.Query().Get("port")))
}

func (s *server) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.direct(localpg.Database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// database makes a database for one schedule.
func (s *server) database(t *testing.T) string {
	t.Helper()
	s.made++
	name := fmt.Sprintf("chaos_%d", s.made)
	if err := s.exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// connect opens a connection past the proxy.
func (s *server) connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.direct(database))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
