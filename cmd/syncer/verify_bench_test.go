package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pgtest"
	"syncer/internal/replay"
)

// BenchmarkVerify verifies a history of SYNCER_BENCH_ROWS rows, 1,000,000 unless set, and of a tenth of that, with the built
// program. Its peak memory must not grow with the history.
func BenchmarkVerify(b *testing.B) {
	rows := 1_000_000
	if text := os.Getenv("SYNCER_BENCH_ROWS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatalf("SYNCER_BENCH_ROWS: %v", err)
		}
		rows = n
	}
	binary := b.TempDir() + "/syncer"
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	few, _ := verifyRows(b, binary, rows/10)
	many, took := verifyRows(b, binary, rows)
	b.ReportMetric(float64(many)/float64(few), "ratio")
	b.ReportMetric(1.3, "limit")
	b.ReportMetric(float64(few)/1024, "tenth-MiB")
	b.ReportMetric(float64(many)/1024, "peak-MiB")
	b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

// verifyRows makes a true history of one repo, 500 hours of each image, and returns the peak memory in KiB of verifying it.
func verifyRows(b *testing.B, binary string, rows int) (peak int64, took time.Duration) {
	b.Helper()
	dsn := pgtest.Empty(b)
	env := append(os.Environ(), "DATABASE_URL="+dsn)
	migrate := exec.Command(binary, "migrate", "up")
	migrate.Env = env
	if out, err := migrate.CombinedOutput(); err != nil {
		b.Fatalf("migrate: %v\n%s", err, out)
	}
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	images := rows / 500
	live := strconv.Itoa(int(replay.LiveRow | replay.LiveCount | replay.LiveNoCreated))
	for _, sql := range []string{
		`SELECT syncer.make_partitions('2026-01-01', '2026-01-31')`,
		`INSERT INTO syncer.repos (repo_id, source, name, next_image, images, pull_count, first_seen_at, last_look_at, last_complete_at, last_status)
		 VALUES (1, 'default', 'long', $1::integer + 1, $1, $1::bigint * 1499, '2026-01-01 01:00Z', '2026-01-21 20:00Z', '2026-01-21 20:00Z', 'ok')`,
		`INSERT INTO syncer.runs (kind, shard, status, started_at, version) VALUES ('sync', '0/1', 'ok', '2026-01-01Z', 'bench')`,
		`INSERT INTO syncer.looks (repo_id, at, run_id, status, complete, weight, images_seen)
		 SELECT 1, timestamptz '2026-01-01Z' + h * interval '1 hour', (SELECT run_id FROM syncer.runs), 'ok', true, 2, $1::integer FROM generate_series(1, 500) h`,
		`INSERT INTO syncer.images (image_id, repo_id, name, pull_count, kind, observed_at, generation, first_seen_at, last_pulled_at, live)
		 SELECT (1::bigint << 32) + n, 1, format('image-%s', n), 1499, 3, '2026-01-21 20:00Z', 1, '2026-01-01 01:00Z', '2026-01-21 20:00Z', ` + live + `
		 FROM generate_series(1, $1::integer) n`,
		`INSERT INTO syncer.readings (image_id, observed_at, since, pull_count, pulls, generation, kind)
		 SELECT (1::bigint << 32) + n, t.at, CASE WHEN h > 1 THEN t.at - interval '1 hour' END, 999 + h, CASE WHEN h > 1 THEN 1 END, 1, CASE WHEN h = 1 THEN 1 ELSE 3 END
		 FROM generate_series(1, 500) h, LATERAL (SELECT timestamptz '2026-01-01Z' + h * interval '1 hour' AS at) t, generate_series(1, $1::integer) n`,
		`INSERT INTO syncer.image_days (image_id, day, pulls, pull_count, resets)
		 SELECT (1::bigint << 32) + n, d.day, d.pulls, d.last, 0 FROM generate_series(1, $1::integer) n,
		     (SELECT (observed_at AT TIME ZONE 'UTC')::date AS day, SUM(pulls) AS pulls, MAX(pull_count) AS last
		      FROM syncer.readings WHERE image_id = (1::bigint << 32) + 1 GROUP BY 1) d`,
		`INSERT INTO syncer.repo_days (repo_id, day, looks, complete_looks, images, pulls, rises)
		 SELECT 1, day, n, n, $1::integer, pulls * $1::integer, $1::integer
		 FROM syncer.image_days, LATERAL (SELECT count(*) AS n FROM syncer.looks WHERE (at AT TIME ZONE 'UTC')::date = day) l
		 WHERE image_id = (1::bigint << 32) + 1`,
		`ANALYZE`,
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{images}
		}
		if _, err := conn.Exec(b.Context(), sql, args...); err != nil {
			b.Fatalf("%.60s: %v", sql, err)
		}
	}
	cmd := exec.CommandContext(b.Context(), binary, "verify")
	cmd.Env = env
	return highest(b, cmd)
}
