//go:build unix && !aix && !solaris

package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// helperDir tells the test binary to be a process that starts a server on the folder ("-": throwaway), says so and waits.
const helperDir = "LOCALPG_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(helperDir); ok {
		os.Exit(helper(strings.TrimPrefix(dir, "-")))
	}
	if _, err := findPrograms(context.Background(), "", 0); err != nil {
		fmt.Fprintln(os.Stderr, err) // once, and not for each test
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func helper(dir string) int {
	s, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.DSN(Database))
	var pid int
	if s.folder.joined() {
		pid, _ = postmaster(s.folder.data())
	} else {
		pid = s.process.cmd.Process.Pid
	}
	fmt.Println(filepath.Dir(s.sockets))
	fmt.Println(pid)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is over, or kills it
	if err := s.Stop(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// helperProcess is a process of its own with a server.
type helperProcess struct {
	cmd        *exec.Cmd
	input      io.Closer
	dsn        string
	scratch    string
	postmaster int
}

func startHelper(t *testing.T, dir string) helperProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), helperDir+"=-"+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // an error means that the test has killed it
	})
	h := helperProcess{cmd: cmd, input: in}
	lines := bufio.NewScanner(out)
	for _, to := range []any{&h.dsn, &h.scratch, &h.postmaster} {
		if !lines.Scan() {
			t.Fatal("helper ended early")
		}
		if _, err := fmt.Sscan(lines.Text(), to); err != nil {
			t.Fatalf("helper said %q", lines.Text())
		}
	}
	return h
}

// leave has the process stop its use of the server.
func (h helperProcess) leave(t *testing.T) {
	t.Helper()
	h.input.Close()
	if err := h.cmd.Wait(); err != nil {
		t.Errorf("helper: %v", err)
	}
}

func (h helperProcess) kill(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait()
}

func start(t *testing.T, opt Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func query[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// waitFor polls for what other processes do, which no clock of ours can bring about.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// openDir is a temporary folder that other users can reach; the testing package's own stand in one that is closed to them.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThrowawayLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	if got := query[string](t, s.DSN(Database), `SELECT current_database()`); got != Database {
		t.Errorf("database %q", got)
	}
	for name, want := range map[string]string{"listen_addresses": "", "fsync": "off", "timezone": "UTC"} {
		if got := query[string](t, s.DSN(Database), "SHOW "+name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	info, err := os.Stat(s.scratch.sockets)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("sockets stand open: %v", info.Mode())
	}
	if group, _ := syscall.Getpgid(s.process.cmd.Process.Pid); group == syscall.Getpgrp() {
		t.Error("the server shares our process group, so Ctrl-C would end it before us")
	}
	sweep(slog.New(slog.DiscardHandler))
	if !exists(s.scratch.dir) {
		t.Error("the sweep removed the folder of a running server")
	}
	stop(t, s)
	if exists(s.scratch.dir) {
		t.Errorf("%s remains", s.scratch.dir)
	}
	if conn, err := pgx.Connect(t.Context(), s.DSN(Database)); err == nil {
		conn.Close(t.Context())
		t.Error("the server still answers")
	}
}

func TestSettingsWinAndStopEndsSessions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Settings: map[string]string{"max_connections": "37", "fsync": "on"}})
	for name, want := range map[string]string{"max_connections": "37", "fsync": "on"} {
		if got := query[string](t, s.DSN(Database), "SHOW "+name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	conn, err := pgx.Connect(t.Context(), s.DSN(Database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := s.Stop(cancelled); err != nil {
			t.Fatal(err)
		}
	}
	if exists(s.scratch.dir) {
		t.Errorf("%s remains", s.scratch.dir)
	}
}

func TestFailedStartLeavesNothingAndSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Settings: map[string]string{"shared_buffers": "much"}})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Errorf("error %v does not hold the server's words", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("changed my mind"))
	if _, err := Start(ctx, Options{}); err == nil {
		t.Error("started in spite of a cancelled context")
	}
}

func TestKilledThrowaway(t *testing.T) {
	t.Parallel()
	h := startHelper(t, "")
	h.kill(t)
	waitFor(t, "the server ends with its starter", func() bool {
		return syscall.Kill(h.postmaster, 0) != nil && len(processesOf(t, h.scratch)) == 0
	})
	next, cancel := context.WithCancel(t.Context())
	cancel() // what was left goes before anything else is done
	if s, err := Start(next, Options{}); err == nil {
		stop(t, s)
	}
	if exists(h.scratch) {
		t.Errorf("the next start left %s", h.scratch)
	}
}

// processesOf lists processes whose command line names the folder.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var found []string
	for _, file := range lines {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), dir) {
			found = append(found, file)
		}
	}
	return found
}

func TestSweepSparesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make folders of another user")
	}
	made := t.TempDir()
	if err := os.Chown(made, 54321, 54321); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(os.TempDir(), scratchPrefix+filepath.Base(filepath.Dir(made)))
	if err := os.Rename(made, dir); err != nil { // not made there, where a sweep could come before the change of owner
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sweep(slog.New(slog.DiscardHandler))
	if !exists(dir) {
		t.Error("the sweep removed another user's folder")
	}
}

func TestScratchAvoidsUnfitFolders(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", socketLimit))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", long)
	acc, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	base, err := scratchBase(acc)
	if err != nil || base == long {
		t.Errorf("chose %s, %v", base, err)
	}
	if os.Geteuid() == 0 {
		t.Setenv("TMPDIR", filepath.Dir(long)) // short enough, but closed to others than root
		if base, err := scratchBase(acc); err != nil || strings.HasPrefix(base, filepath.Dir(long)) {
			t.Errorf("chose %s, %v", base, err)
		}
	}
}

// ordinary is a copy of this program that runs in a folder of its own as an ordinary user.
func ordinary(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "localpg.test")
	text, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copied, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// TestOrdinaryUser runs the other tests again without root's rights.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this already runs as an ordinary user")
	}
	cmd := ordinary(t, "-test.v", "-test.run=Throwaway|Keeps|Last|Race|Avoids")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if passed := strings.Count(string(out), "--- PASS"); passed < 8 {
		t.Errorf("only %s tests passed\n%s", strconv.Itoa(passed), out)
	}
}
