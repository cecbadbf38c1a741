package store_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// benchReports asks for the minutes and gigabytes that a year of history takes.
	benchReports = "SYNCER_BENCH_REPORTS"
	// benchDatabase names a database that an earlier run filled; it is used as it is.
	benchDatabase = "SYNCER_BENCH_DATABASE_URL"
	// reportLimit is what a dashboard may wait for a view.
	reportLimit = 200 * time.Millisecond
)

// question is what a dashboard asks, of the reports and of raw samples.
type question struct{ name, report, raw string }

// The raw queries are given the benefit of every doubt: a sample only where a count changed, indexed both ways, no glitches to
// leave out, and the first sample in the window lost instead of looked up.
var questions = []question{
	{"top_images_30d", "SELECT * FROM reporting.top_images(now() - interval '30 days', now(), 20)", `
SELECT image_id, SUM(pulls) FROM (
    SELECT image_id, pull_count - LAG(pull_count) OVER (PARTITION BY image_id ORDER BY at) AS pulls
    FROM samples WHERE at >= now() - interval '30 days') s
GROUP BY image_id ORDER BY 2 DESC NULLS LAST LIMIT 20`},
	{"movers_7d", "SELECT * FROM reporting.movers(7, 20)", `
SELECT image_id, SUM(pulls) FILTER (WHERE at >= now() - interval '7 days') - SUM(pulls) FILTER (WHERE at < now() - interval '7 days')
FROM (SELECT image_id, at, pull_count - LAG(pull_count) OVER (PARTITION BY image_id ORDER BY at) AS pulls
      FROM samples WHERE at >= now() - interval '14 days') s
GROUP BY image_id ORDER BY abs(SUM(pulls)) DESC NULLS LAST LIMIT 20`},
	{"stale_images_90d", "SELECT * FROM reporting.stale_images(90)", `
SELECT image_id, MAX(at) FILTER (WHERE pulls > 0)
FROM (SELECT image_id, at, pull_count - LAG(pull_count) OVER (PARTITION BY image_id ORDER BY at) AS pulls FROM samples) s
GROUP BY image_id HAVING COALESCE(MAX(at) FILTER (WHERE pulls > 0), '-infinity') < now() - interval '90 days'`},
	{"pulls_daily_image_1y", "SELECT * FROM reporting.pulls_daily WHERE repo = 'repo-17' AND image = 'image-245' AND day > now()::date - 365", `
SELECT at::date, SUM(pulls)
FROM (SELECT at, pull_count - LAG(pull_count) OVER (ORDER BY at) AS pulls FROM samples
      WHERE image_id = (SELECT i.image_id FROM syncer.images i JOIN syncer.repos r USING (repo_id)
                        WHERE r.name = 'repo-17' AND i.name = 'image-245')) s
GROUP BY 1`},
	{"repo_daily_90d", "SELECT * FROM reporting.repo_daily WHERE day > now()::date - 90", `
SELECT image_id >> 32, at::date, SUM(pulls)
FROM (SELECT image_id, at, pull_count - LAG(pull_count) OVER (PARTITION BY image_id ORDER BY at) AS pulls
      FROM samples WHERE at >= now() - interval '90 days') s
GROUP BY 1, 2`},
	{"images", "SELECT * FROM reporting.images", `
SELECT DISTINCT ON (image_id) image_id, at, pull_count FROM samples ORDER BY image_id, at DESC`},
	{"repos", "SELECT * FROM reporting.repos", `
SELECT image_id >> 32, COUNT(*), SUM(pull_count)
FROM (SELECT DISTINCT ON (image_id) image_id, pull_count FROM samples ORDER BY image_id, at DESC) s GROUP BY 1`},
}

// BenchmarkReports asks what a dashboard opens of a year of 100,000 images, and the same of raw samples in the same run.
func BenchmarkReports(b *testing.B) {
	dsn := os.Getenv(benchDatabase)
	if dsn == "" && os.Getenv(benchReports) == "" {
		b.Skip("takes minutes; make bench-reports")
	}
	if dsn == "" {
		dsn = migrated(b)
	}
	pool, err := pgxpool.New(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	rows := fillYear(b, pool)
	b.Logf("%d history rows", rows)
	if rows < 20_000_000 {
		b.Errorf("%d history rows are too few to tell", rows)
	}
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, ask(b, pool, q.report))
			}
			got := median(took)
			b.ReportMetric(float64(got.Microseconds())/1000, "median-ms")
			b.ReportMetric(0, "ns/op")
			var raw []time.Duration
			for range 3 {
				raw = append(raw, ask(b, pool, q.raw))
			}
			b.ReportMetric(float64(median(raw).Microseconds())/1000, "raw-median-ms")
			if got > reportLimit {
				b.Errorf("median of %d is %s, above %s; of raw samples %s", len(took), got, reportLimit, median(raw))
			}
		})
	}
}

func fillYear(b *testing.B, pool *pgxpool.Pool) (rows int64) {
	b.Helper()
	ctx := b.Context()
	if err := pool.QueryRow(ctx, "SELECT COUNT(*) FROM syncer.readings").Scan(&rows); err != nil {
		b.Fatal(err)
	}
	var err error
	if rows == 0 {
		if rows, err = seedYear(ctx, pool, time.Now().UTC().Truncate(time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	err = run(ctx, pool,
		"CREATE TABLE IF NOT EXISTS samples AS SELECT image_id, observed_at AS at, pull_count FROM syncer.readings ORDER BY observed_at", nil,
		"CREATE INDEX IF NOT EXISTS samples_image ON samples (image_id, at)", nil,
		"CREATE INDEX IF NOT EXISTS samples_at ON samples (at)", nil,
		"VACUUM (ANALYZE) samples", nil,
	)
	if err != nil {
		b.Fatal(err)
	}
	return rows
}

// ask runs a query to its last row.
func ask(b *testing.B, pool *pgxpool.Pool, sql string) time.Duration {
	b.Helper()
	start := time.Now()
	if err := drain(b.Context(), pool, sql); err != nil {
		b.Fatalf("%v\n%s", err, sql)
	}
	return time.Since(start)
}

func drain(ctx context.Context, pool *pgxpool.Pool, sql string) error {
	rows, err := pool.Query(ctx, sql, pgx.QueryExecModeExec)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return rows.Err()
}
