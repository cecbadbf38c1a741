package store_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
	"syncer/internal/store"
)

// Everything but migrating works through PgBouncer in transaction mode, where each transaction may meet another server
// connection and nothing of a session survives.
func TestThroughTransactionPooler(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("pgbouncer is not installed: apt-get install pgbouncer")
		}
		t.Skip("NOT TESTED: syncing through a pooler, as pgbouncer is not installed: apt-get install pgbouncer")
	}
	for name, dsn := range map[string]string{"usual": migrated(t), "odd defaults": pgtest.Awkward(t, template)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, dsn)
			pooled := startPooler(t, program, dsn)
			s, err := store.Open(t.Context(), pooled, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			w.s = s
			if err := s.CheckSchema(t.Context()); err != nil {
				t.Error(err)
			}
			w.race(pooled)
			if found := w.verify(false); len(found) > 0 {
				t.Errorf("verify: %q", found)
			}
		})
	}
}

// startPooler runs PgBouncer in front of a database and returns the connection string through it.
func startPooler(t *testing.T, program, dsn string) string {
	t.Helper()
	server, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "pooler") //nolint:usetesting // the path of a socket has little room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	password := "" // an empty one is no value to pgbouncer
	if server.Password != "" {
		password = " password='" + server.Password + "'"
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, fmt.Appendf(nil, `[databases]
%s = host=%s port=%d user=%s%s
[pgbouncer]
pool_mode = transaction
auth_type = any
listen_port = 6543
unix_socket_dir = %s
default_pool_size = 30
logfile = %s/log
`, server.Database, server.Host, server.Port, server.User, password, dir, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", config)
	cmd.Dir = dir
	if os.Geteuid() == 0 { // it refuses root
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: poolerUser(t, server.Host, dir, config)}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
	})
	q := url.Values{"host": {dir}, "port": {strconv.Itoa(6543)}, "user": {server.User}, "dbname": {server.Database}}
	pooled := "postgres:///?" + q.Encode()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), pooled)
		if err == nil {
			conn.Close(t.Context())
			return pooled
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("pgbouncer does not answer: %v\n%s", err, log)
		}
	}
}

// poolerUser is whom the pooler runs as: the owner of the server's socket, who may enter the socket's folder, or nobody. The
// files are made that user's.
func poolerUser(t *testing.T, host string, files ...string) *syscall.Credential {
	t.Helper()
	const nobody = 65534
	owner := &syscall.Stat_t{Uid: nobody, Gid: nobody}
	if filepath.IsAbs(host) {
		if err := syscall.Stat(host, owner); err != nil {
			t.Fatal(err)
		}
	}
	if owner.Uid == 0 {
		owner.Uid, owner.Gid = nobody, nobody
	}
	for _, path := range files {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}
}
