package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
)

// called calls the program in this process.
func called(t *testing.T, env map[string]string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, system{
		in: strings.NewReader(""), out: &stdout, err: &stderr, now: time.Now,
		lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return code, stdout.String(), stderr.String()
}

// A role that may read the reports needs no more for report and status; what another lacks is said as it is.
func TestRolesThatMayRead(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	owner := map[string]string{"DATABASE_URL": dsn}
	if code, _, stderr := called(t, owner, "migrate", "up"); code != exitOK {
		t.Fatal(stderr)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := conn.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	}()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	as := map[string]string{"DATABASE_URL": u.String()}
	reading := [][]string{{"status"}, {"report", "top"}, {"report", "coverage"}, {"report", "html"}}
	for _, args := range reading {
		code, stdout, stderr := called(t, as, args...)
		if code != exitDatabase || stdout != "" || strings.Contains(stderr, "unavailable") ||
			!strings.Contains(stderr, fmt.Sprintf("role %q may not read the reports", role)) || !strings.Contains(stderr, "syncer migrate up --grant-reader "+role) {
			t.Errorf("%v as a stranger: %d %q %q", args, code, stdout, stderr)
		}
	}
	if code, _, stderr := called(t, owner, "migrate", "up", "--grant-reader", role); code != exitOK {
		t.Fatal(stderr)
	}
	for _, args := range reading {
		if code, _, stderr := called(t, as, args...); code != exitOK {
			t.Errorf("%v as a reader: %d %q", args, code, stderr)
		}
	}
	code, _, stderr := called(t, as, "verify")
	if code != exitDatabase || strings.Contains(stderr, "unavailable") || !strings.Contains(stderr, "use the role that owns the schema") {
		t.Errorf("verify as a reader: %d %q", code, stderr)
	}
}

// The driver tries an address once with TLS and once without, and tells of both.
func TestDatabaseThatIsNotThereIsToldOnce(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://u@127.0.0.1:1/d", "postgres://u@127.0.0.1:1,127.0.0.2:1/d?sslmode=prefer", "host=/nowhere user=u dbname=d", "host=127.0.0.1 port=1 user=u",
	} {
		code, _, stderr := called(t, map[string]string{"DATABASE_URL": dsn}, "status")
		hosts := max(strings.Count(stderr, "127.0.0.1:1 "), strings.Count(stderr, "/nowhere/.s.PGSQL.5432 "))
		if code != exitDatabase || strings.Count(stderr, "\n") != 1 || hosts != 1 {
			t.Errorf("%s: %d, told %d times: %s", dsn, code, hosts, stderr)
		}
	}
}
