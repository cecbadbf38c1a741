package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/fakeapi"
	"syncer/internal/pgtest"
)

// A backfill that is killed goes on with the repos that were not written, and reads none that was.
func TestKilledBackfillGoesOn(t *testing.T) {
	t.Parallel()
	const repos, kills, latest = 500, 12, 35 // so that all the lives together cannot read every repo
	dsn := pgtest.Empty(t)
	world := fakeapi.NewWorld()
	server, err := fakeapi.NewServer(world)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	names := make([]string, repos)
	for i := range names {
		names[i] = fmt.Sprintf("repo-%03d", i)
		world.AddRepo(fakeapi.Repo{Name: names[i]})
		world.Fill(names[i], 3)
	}
	settings := filepath.Join(t.TempDir(), "syncer.yaml")
	if err := os.WriteFile(settings, []byte("repos: ["+strings.Join(names, ", ")+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, dsn)
	written := map[string]bool{} // repos that the database had when the last process was killed
	backfill := func(killAt int, waits ...func()) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), program(t), "backfill", "--resume", "--migrate", "--log-level", "error", "--config", settings)
		// So slow that writing keeps pace with reading.
		cmd.Env = []string{"DATABASE_URL=" + dsn, "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + server.PublicKey,
			"UCLOUD_PRIVATE_KEY=" + server.PrivateKey, "SYNCER_RATE_LIMIT=400", "PATH=" + os.Getenv("PATH")}
		return killedAt(cmd, server, killAt, func(repo string) {
			if written[repo] {
				t.Errorf("%s was read again", repo)
			}
		}, waits...)
	}
	look := func() {
		written = map[string]bool{}
		var list []string
		if err := conn.QueryRow(t.Context(), `SELECT COALESCE(array_agg(DISTINCT repo), '{}') FROM reporting.repo_syncs WHERE status = 'ok'`).Scan(&list); err != nil {
			return // killed before the schema was there
		}
		for _, repo := range list {
			written[repo] = true
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range kills {
		_, _ = backfill(1 + rng.IntN(latest))
		look()
	}
	before := len(written)
	_, _ = backfill(latest, func() {
		eventually(t, time.Minute, "something was written of what was read", func() bool {
			var now int
			err := conn.QueryRow(t.Context(), `SELECT count(DISTINCT repo) FROM reporting.repo_syncs WHERE status = 'ok'`).Scan(&now)
			return err == nil && now > before
		})
	})
	look()
	if len(written) <= before || len(written) == repos {
		t.Errorf("%d of %d repos were written before the last call, %d before that", len(written), repos, before)
	}
	if out, err := backfill(-1); err != nil {
		t.Fatalf("the backfill after all kills: %v\n%s", err, out)
	}
	checkSums(t, conn)
	var images, times, open int64
	if err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM reporting.images), (SELECT max(n) FROM (SELECT count(*) AS n FROM reporting.repo_syncs GROUP BY repo) s),
	    (SELECT count(*) FROM syncer.backfills WHERE finished_at IS NULL)`).Scan(&images, &times, &open); err != nil {
		t.Fatal(err)
	}
	if images != 3*repos || times != 1 || open != 0 {
		t.Errorf("%d images, repos read up to %d times, %d backfills open; want %d, 1, 0", images, times, open, 3*repos)
	}
}

// checkSums wants the records of runs that died to say what they wrote.
func checkSums(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var wrote, wrong int64
	if err := conn.QueryRow(t.Context(), `
	    SELECT count(*) FILTER (WHERE r.repos_ok > 0), count(*) FILTER (WHERE (r.repos_ok, r.images_seen, r.images_new, r.images_changed)
	        IS DISTINCT FROM (s.ok, COALESCE(s.seen, 0), COALESCE(s.new, 0), COALESCE(s.changed, 0)))
	    FROM reporting.runs r
	    CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE status IN ('ok', 'drifting')) AS ok, sum(images_seen) AS seen, sum(images_new) AS new, sum(images_changed) AS changed
	        FROM reporting.repo_syncs WHERE run_id = r.run_id) s
	    WHERE r.status = 'aborted'`).Scan(&wrote, &wrong); err != nil {
		t.Fatal(err)
	}
	if wrote == 0 || wrong != 0 {
		t.Errorf("%d runs that died say that they wrote, %d say it wrongly", wrote, wrong)
	}
}

// An import that is killed leaves nothing to be seen, and the same command again does all of it.
func TestKilledImportLeavesNothing(t *testing.T) {
	t.Parallel()
	const images, looks = 40, 400
	dsn := pgtest.Empty(t)
	file := filepath.Join(t.TempDir(), "looks.csv")
	var text strings.Builder
	text.WriteString("observed_at,repo,image,pull_count\n")
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for look := range looks {
		for image := range images {
			fmt.Fprintf(&text, "%s,web,image-%d,%d\n", begin.Add(time.Duration(look)*time.Hour).Format(time.RFC3339), image, look*image)
		}
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) (cmd *exec.Cmd, wait func() error) {
		cmd = exec.CommandContext(t.Context(), program(t), args...)
		cmd.Env = []string{"DATABASE_URL=" + dsn, "PATH=" + os.Getenv("PATH")}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, sync.OnceValue(func() error {
			if err := cmd.Wait(); err != nil {
				return fmt.Errorf("%w: %s", err, out.Bytes())
			}
			return nil
		})
	}
	if _, wait := start("migrate", "up"); wait() != nil {
		t.Fatal(wait())
	}
	conn := connect(t, dsn)
	// The first is killed when it waits for the table that this transaction holds, the others anywhere.
	held, err := conn.Begin(t.Context())
	if err == nil {
		_, err = held.Exec(t.Context(), "LOCK TABLE syncer.readings IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	first, wait := start("backfill", "--from", file)
	other := connect(t, dsn)
	eventually(t, time.Minute, "the import waits for the table", func() bool {
		var waits bool
		err := other.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'syncer.readings'::regclass AND NOT granted)").Scan(&waits)
		return err == nil && waits
	})
	_ = first.Process.Kill()
	if wait() == nil {
		t.Error("an import that was killed ended well")
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 8 {
		cmd, wait := start("backfill", "--from", file)
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(800*time.Millisecond))), func() { _ = cmd.Process.Kill() })
		err := wait()
		timer.Stop()
		if err == nil {
			break // it was quicker
		}
		var rows, shown int64
		if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM syncer.readings), (SELECT count(*) FROM reporting.repos) + (SELECT count(*) FROM reporting.images)").Scan(&rows, &shown); err != nil {
			t.Fatal(err)
		}
		// The kill may come after the commit and before the process said so.
		if rows != 0 && rows != images*looks-looks+1 || rows == 0 && shown != 0 {
			t.Fatalf("%d rows of history and %d repos and images after a kill", rows, shown)
		}
	}
	if _, wait := start("backfill", "--from", file); wait() != nil {
		t.Fatal(wait())
	}
	if _, wait := start("verify"); wait() != nil {
		t.Fatal(wait())
	}
	var rows int64
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM reporting.pull_history").Scan(&rows); err != nil || rows != images*looks-looks+1 {
		t.Errorf("%d rows: %v; want %d", rows, err, images*looks-looks+1)
	}
}
