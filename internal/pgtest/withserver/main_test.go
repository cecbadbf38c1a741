package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
)

// helperVariable makes the test binary the program itself.
const helperVariable = "PGTEST_CMD_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, env []string, args ...string) (stdout string, code int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(append(os.Environ(), helperVariable+"=1"), env...)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	_ = cmd.Run() // the exit code tells
	t.Logf("stderr: %s", complaint.String())
	return strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()
}

func TestCommandFindsServerAndItsCodeIsKept(t *testing.T) {
	t.Parallel()
	dsn, code := program(t, []string{pgtest.URLVariable + "="}, "sh", "-c", `printenv `+pgtest.URLVariable+`; exit 7`)
	if code != 7 {
		t.Errorf("exit code %d", code)
	}
	if _, err := pgx.ParseConfig(dsn); err != nil || dsn == "" {
		t.Fatalf("address %q: %v", dsn, err)
	}
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		conn.Close(t.Context())
		t.Error("the server outlives the command")
	}
}

func TestCommandSharesOneServer(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `printenv ` + pgtest.URLVariable + ` && exec "$0" printenv ` + pgtest.URLVariable
	out, code := program(t, []string{pgtest.URLVariable + "="}, "sh", "-c", script, exe)
	outer, inner, _ := strings.Cut(out, "\n")
	if code != 0 || outer == "" || outer != inner {
		t.Errorf("code %d, addresses %q and %q", code, outer, inner)
	}
}

// TestNoServer does not begin what could not be done.
func TestNoServer(t *testing.T) {
	t.Parallel()
	out, code := program(t, []string{pgtest.URLVariable + "=postgres://postgres@/x?host=/nowhere"}, "echo", "begun")
	if code != 1 || out != "" {
		t.Errorf("code %d, said %q", code, out)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	if _, code := program(t, nil); code != 2 {
		t.Errorf("exit code %d", code)
	}
	if _, code := program(t, nil, "no-such-program-anywhere"); code != 1 {
		t.Errorf("exit code %d", code)
	}
}
