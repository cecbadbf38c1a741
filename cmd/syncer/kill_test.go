package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// program is the path of the program under test.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv(binaryVariable)
	if path == "" {
		path = "syncer" // which the scripts' set-up put on the PATH
	}
	path, err := exec.LookPath(path)
	if err != nil {
		t.Fatal(err)
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// A process that is killed leaves every repo as it was or as it was read, whatever it was doing, and the next one goes on.
func TestKilledAnywhereLeavesEveryRepoWhole(t *testing.T) {
	t.Parallel()
	const repos, images, rounds = 12, 150, 20
	dsn := pgtest.Empty(t)
	world := fakeapi.NewWorld()
	server, err := fakeapi.NewServer(world)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	names := ""
	for i := range repos {
		name := fmt.Sprintf("repo-%02d", i)
		world.AddRepo(fakeapi.Repo{Name: name})
		world.Fill(name, images)
		names += name + ","
	}
	sync := func(killAt int) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), program(t), "sync", "--migrate", "--log-level", "error")
		cmd.Env = []string{"DATABASE_URL=" + dsn, "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + server.PublicKey,
			"UCLOUD_PRIVATE_KEY=" + server.PrivateKey, "SYNCER_REPOS=" + names, "SYNCER_RATE_LIMIT=0", "PATH=" + os.Getenv("PATH")}
		return killedAt(cmd, server, killAt, func(string) {})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		_, _ = sync(1 + rng.IntN(3*repos)) // killed or not, the database must be right
		checkWhole(t, dsn, images, round)
		if round%4 == 3 { // now something is there to be torn apart: every image of every repo is pulled
			for i := range repos {
				for j := range images {
					world.Pull(fmt.Sprintf("repo-%02d", i), fmt.Sprintf("img-%05d", j), 1000)
				}
			}
		}
	}
	if out, err := sync(-1); err != nil {
		t.Fatalf("the sync after all kills: %v\n%s", err, out)
	}
	var open, aborted, rows int64
	conn := connect(t, dsn)
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM reporting.runs WHERE status = 'running'),
	    (SELECT count(*) FROM reporting.runs WHERE status = 'aborted'), (SELECT count(*) FROM reporting.images)`).Scan(&open, &aborted, &rows); err != nil {
		t.Fatal(err)
	}
	if aborted < rounds/4 {
		t.Errorf("only %d of %d runs were killed while they ran", aborted, rounds)
	}
	if open != 0 || rows != repos*images {
		t.Errorf("%d runs are open, %d images are there; want 0, %d", open, rows, repos*images)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

// checkWhole wants every repo to have all of its images or none, all of them seen at the same state of the registry.
func checkWhole(t *testing.T, dsn string, images, round int) {
	t.Helper()
	conn := connect(t, dsn)
	var migrated bool
	if err := conn.QueryRow(t.Context(), `SELECT to_regclass('reporting.images') IS NOT NULL`).Scan(&migrated); err != nil || !migrated {
		return
	}
	// Image n began with 7n pulls, and all images of a repo were pulled equally often since.
	rows, err := conn.Query(t.Context(), `SELECT repo, count(*), max(since) - min(since)
	    FROM (SELECT repo, pull_count - 7 * right(image, 5)::bigint AS since FROM reporting.images) i GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	var repo string
	var n, spread int64
	if _, err := pgx.ForEachRow(rows, []any{&repo, &n, &spread}, func() error {
		if n != int64(images) || spread != 0 {
			t.Errorf("round %d: %s has %d of %d images, and counts that are %d pulls apart", round, repo, n, images, spread)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// killedAt runs a command, kills it at the given request to the registry, and returns what it wrote. Of each request it tells
// the repo that was asked for. The registry answers no request after that one, so that a slow kill is no late one, and what must
// be so at the kill can be waited for.
func killedAt(cmd *exec.Cmd, server *fakeapi.Server, request int, asked func(repo string), waits ...func()) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	come, release := make(chan string, 10_000), make(chan struct{})
	defer close(release)
	hang := faults.Hang(release)
	var seen atomic.Int64
	server.Set(fakeapi.FaultFunc(func(r fakeapi.Request) fakeapi.Fault {
		come <- r.Repo
		if n := seen.Add(1); request > 0 && n > int64(request) {
			return hang
		}
		return nil
	}))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for n := 0; ; n++ {
		if n == request {
			for _, wait := range waits {
				wait()
			}
			_ = cmd.Process.Kill() // it may have ended by itself
		}
		select {
		case repo := <-come:
			asked(repo)
		case err := <-done:
			return out.Bytes(), err
		}
	}
}
