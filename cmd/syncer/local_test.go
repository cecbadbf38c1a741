package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommandsBesideADaemonOnAFolder has other commands use the daemon's private server, and the last of them stop it.
func TestCommandsBesideADaemonOnAFolder(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if err := os.Chmod(filepath.Dir(parent), 0o755); err != nil { // the server runs as another user when this one is root
		t.Fatal(err)
	}
	dsn := "local:" + filepath.Join(parent, "data")
	_, server := smallRegistry(t, 2, 5)
	d := startDaemon(t, dsn, server, "SYNCER_SCHEDULE=@every 1h")
	eventually(t, time.Minute, "a run of the daemon", func() bool {
		return d.metric(`syncer_runs_total{kind="sync",outcome="complete"}`) == 1
	})
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program(t), args...)
		cmd.Env = d.cmd.Env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("syncer %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	for args, want := range map[string]string{
		"status":         "repo-01",
		"report top":     "Most pulled images",
		"sync":           "images: 10 seen, 0 new",
		"migrate status": "",
		"verify":         "",
	} {
		if out := command(strings.Fields(args)...); !strings.Contains(out, want) {
			t.Errorf("syncer %s said %q, want %q in it", args, out, want)
		}
	}
	postmaster := serverOf(t, filepath.Join(parent, "data"))
	second := startDaemon(t, dsn, server, "SYNCER_SCHEDULE=@every 1h")
	if code, _ := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("the first daemon ended with %d", code)
	}
	if got := serverOf(t, filepath.Join(parent, "data")); got != postmaster {
		t.Errorf("the server %d is gone with the daemon that started it", postmaster)
	}
	command("status")
	if status, body := second.get("/readyz"); status != 200 {
		t.Errorf("the second daemon: %d %s", status, body)
	}
	_, _ = second.stop(syscall.SIGKILL)
	eventually(t, time.Minute, "the end of the server with its last user", func() bool {
		return syscall.Kill(postmaster, 0) != nil
	})
	command("status")
}

// serverOf is the process of the server that runs on the folder.
func serverOf(t *testing.T, dir string) (pid int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "pgdata", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
