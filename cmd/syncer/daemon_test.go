package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// running is a daemon: the program, in a process of its own.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when it has ended
	mu   sync.Mutex
	log  []string
}

// startDaemon starts the program with the settings and waits until it says where it listens.
func startDaemon(t *testing.T, dsn string, server *fakeapi.Server, settings ...string) *running {
	t.Helper()
	d := &running{t: t, cmd: exec.CommandContext(t.Context(), program(t), "run", "--migrate", "--listen", "127.0.0.1:0"), done: make(chan struct{})}
	d.cmd.Env = append([]string{"DATABASE_URL=" + dsn, "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + server.PublicKey,
		"UCLOUD_PRIVATE_KEY=" + server.PrivateKey, "SYNCER_RATE_LIMIT=0", "SYNCER_DISCOVER=all", "PATH=" + os.Getenv("PATH")}, settings...)
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	go func() {
		defer close(d.done)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			d.mu.Lock()
			d.log = append(d.log, lines.Text())
			d.mu.Unlock()
			var event struct{ Msg, Listen string }
			if json.Unmarshal(lines.Bytes(), &event) == nil && event.Msg == "daemon started" {
				listening <- event.Listen
			}
		}
		_ = d.cmd.Wait() // the code tells
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.done
		if t.Failed() {
			t.Logf("log of the daemon, its end:\n%s", strings.Join(d.log[max(0, len(d.log)-60):], "\n"))
		}
	})
	select {
	case address := <-listening:
		d.url = "http://" + address
	case <-d.done:
		t.Fatalf("the daemon ended at once with %d", d.cmd.ProcessState.ExitCode())
	}
	return d
}

// stop sends the signal and returns the exit code and how long it took.
func (d *running) stop(signal os.Signal) (code int, took time.Duration) {
	d.t.Helper()
	began := time.Now()
	_ = d.cmd.Process.Signal(signal) // it may have ended
	<-d.done
	return d.cmd.ProcessState.ExitCode(), time.Since(began)
}

func (d *running) get(path string) (status int, body string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// metric is a sample of the daemon, by its name with labels; 0 when it has none.
func (d *running) metric(name string) float64 {
	d.t.Helper()
	_, text := d.get("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// eventually waits for something that another process brings about.
func eventually(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// smallRegistry serves some repos.
func smallRegistry(t *testing.T, repos, images int, options ...fakeapi.Option) (*fakeapi.World, *fakeapi.Server) {
	t.Helper()
	world := fakeapi.NewWorld()
	server, err := fakeapi.NewServer(world, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for i := range repos {
		name := fmt.Sprintf("repo-%02d", i)
		world.AddRepo(fakeapi.Repo{Name: name})
		world.Fill(name, images)
	}
	return world, server
}

func TestDaemonAnswers(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	_, server := smallRegistry(t, 3, 5)
	d := startDaemon(t, dsn, server, "SYNCER_SCHEDULE=0 0 1 1 *")
	// Nothing was ever read, so it begins with a run, months before the schedule's.
	eventually(t, time.Minute, "a first run", func() bool { return d.metric(`syncer_runs_total{kind="sync",outcome="complete"}`) == 1 })
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n", "/": "<!doctype html>"} {
		if status, body := d.get(path); status != http.StatusOK || !strings.HasPrefix(strings.ToLower(body), want) {
			t.Errorf("%s: %d %.100s", path, status, body)
		}
	}
	if got := d.metric(`syncer_images{source="default"}`); got != 15 {
		t.Errorf("%v images, want 15", got)
	}
	if code, _ := d.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("the idle daemon ended with %d", code)
	}
	again := startDaemon(t, dsn, server, "SYNCER_SCHEDULE=0 0 1 1 *")
	if code, _ := again.stop(syscall.SIGINT); code != 0 {
		t.Errorf("the idle daemon ended with %d", code)
	}
	var runs int
	if err := connect(t, dsn).QueryRow(t.Context(), `SELECT count(*) FROM reporting.runs`).Scan(&runs); err != nil || runs != 1 {
		t.Errorf("%d runs, %v: the second daemon had nothing to make up for", runs, err)
	}
}

// soakRuns is how many real runs a second apart the daemon has to survive.
func soakRuns() int {
	if os.Getenv("CI") == "true" {
		return 60
	}
	return 12
}

// TestDaemonSoak runs a second apart, of which some hang until their deadline, some meet a database that is gone, and the others
// read a registry in which something is pulled every time.
func TestDaemonSoak(t *testing.T) {
	t.Parallel()
	const repos, images = 5, 40
	dsn := pgtest.Empty(t)
	world, server := smallRegistry(t, repos, images)
	release := make(chan struct{})
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	hang := faults.Hang(release)
	var hanging atomic.Bool
	server.Set(fakeapi.FaultFunc(func(r fakeapi.Request) fakeapi.Fault {
		world.Pull("repo-00", "img-00000", 1)
		if hanging.Load() && r.Repo == "repo-01" {
			return hang
		}
		return nil
	}))
	d := startDaemon(t, dsn, server, "SYNCER_SCHEDULE=@every 1s", "SYNCER_RUN_TIMEOUT=2s", "SYNCER_GRACE_PERIOD=1s",
		"SYNCER_MAX_ATTEMPTS=1")
	complete := func() float64 { return d.metric(`syncer_runs_total{kind="sync",outcome="complete"}`) }
	failed := func() float64 { return d.metric(`syncer_runs_total{kind="sync",outcome="failed"}`) }
	eventually(t, time.Minute, "three runs", func() bool { return complete() >= 3 })
	goroutines, memory := d.metric("go_goroutines"), d.metric("process_resident_memory_bytes")

	hanging.Store(true)
	before := failed()
	eventually(t, time.Minute, "a run that hung until its deadline", func() bool { return failed() > before })
	hanging.Store(false)

	before = failed()
	admin := adminOf(t, dsn)
	name := connect(t, dsn).Config().Database
	for _, sql := range []string{"ALTER DATABASE " + name + " ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'"} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, "runs without a database", func() bool { return failed() >= before+2 })
	if status, _ := d.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a database: %d", status)
	}
	if status, _ := d.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz without a database: %d", status)
	}
	if _, err := admin.Exec(t.Context(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true"); err != nil {
		t.Fatal(err)
	}

	want := float64(soakRuns())
	eventually(t, 5*time.Minute, fmt.Sprint(want, " complete runs"), func() bool { return complete() >= want })
	// The registry's and the database's connections may differ by a few from moment to moment.
	if got := d.metric("go_goroutines"); got > goroutines+8 {
		t.Errorf("%v goroutines after %v runs, %v at the beginning", got, want, goroutines)
	}
	if got := d.metric("process_resident_memory_bytes"); got > memory+32<<20 {
		t.Errorf("%.0f MiB after %v runs, %.0f at the beginning", got/(1<<20), want, memory/(1<<20))
	}
	t.Logf("%v complete, %v failed, %v skipped; goroutines %v -> %v, memory %.1f -> %.1f MiB", complete(), failed(), d.metric("syncer_runs_skipped_total"),
		goroutines, d.metric("go_goroutines"), memory/(1<<20), d.metric("process_resident_memory_bytes")/(1<<20))
	if code, took := d.stop(syscall.SIGTERM); code != 0 && code != exitSignal+int(syscall.SIGTERM) || took > 20*time.Second {
		t.Errorf("ended with %d after %s", code, took)
	}
	var overlaps, open int
	if err := connect(t, dsn).QueryRow(t.Context(), `SELECT
	    (SELECT count(*) FROM reporting.runs a JOIN reporting.runs b ON a.run_id < b.run_id AND a.finished_at > b.started_at WHERE a.status <> 'aborted'),
	    (SELECT count(*) FROM reporting.runs WHERE status = 'running')`).Scan(&overlaps, &open); err != nil {
		t.Fatal(err)
	}
	if overlaps > 0 || open > 0 {
		t.Errorf("%d overlaps, %d records are open", overlaps, open)
	}
}

// adminOf is a connection to another database of the same server.
func adminOf(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Database = "postgres"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
