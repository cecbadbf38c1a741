package store_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// archive is a made-up archive in the order in which archives are written: look by look. In one of two looks an image was pulled.
func archive(observations int) iter.Seq2[registry.Observation, error] {
	const repos, perRepo = 20, 100
	return func(yield func(registry.Observation, error) bool) {
		created := registry.Timestamp{Raw: "2024-12-01T00:00:00Z"}
		names := make([]string, perRepo)
		for i := range names {
			names[i] = fmt.Sprintf("team/service-%04d", i)
		}
		keys := make([]registry.Repo, repos)
		for i := range keys {
			keys[i].Key = registry.RepoKey{Source: "default", Name: fmt.Sprintf("repo%03d", i)}
		}
		for n := range observations {
			look, image := n/(repos*perRepo), n%(repos*perRepo)
			if !yield(registry.Observation{
				At: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(look) * time.Hour), Repo: keys[image/perRepo],
				Image: registry.Image{Name: names[image%perRepo], PullCount: int64(image + (look+image%2)/2*3), Counted: true, LatestTag: "v1", Created: created},
			}, nil) {
				return
			}
		}
	}
}

// BenchmarkImport compares an import with a COPY of the rows that it writes, in the order of the archive, into partitions with the
// same indexes. SYNCER_BENCH_OBSERVATIONS sets the size; the promise is for 10,000,000: at most 4 times as long, below 256 MiB.
func BenchmarkImport(b *testing.B) {
	size := 200_000
	if text, ok := os.LookupEnv("SYNCER_BENCH_OBSERVATIONS"); ok {
		size, _ = strconv.Atoi(text)
	}
	dsn := migrated(b)
	s, err := store.Open(b.Context(), dsn, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- watchMemory(stop) }()
	began := time.Now()
	sum, err := s.Import(b.Context(), archive(size), store.ImportOptions{Zone: time.UTC, Progress: func(done, total int) {
		if os.Getenv("SYNCER_BENCH_TRACE") != "" {
			fmt.Println(time.Since(began).Round(time.Second), done, total)
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	close(stop)
	memory := <-peak
	raw := rawCopy(b, dsn)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(sum.RowsAdded), "rows")
	b.ReportMetric(took.Seconds(), "import-s")
	b.ReportMetric(raw.Seconds(), "copy-s")
	b.ReportMetric(took.Seconds()/raw.Seconds(), "ratio")
	b.ReportMetric(float64(memory)/(1<<20), "MiB")
}

// watchMemory is the most memory that the process had from the system until it is stopped.
func watchMemory(stop <-chan struct{}) (peak uint64) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	var m runtime.MemStats
	for {
		runtime.ReadMemStats(&m)
		peak = max(peak, m.Sys-m.HeapReleased)
		select {
		case <-stop:
			return peak
		case <-ticker.C:
		}
	}
}

// rawCopy copies the rows of the history from a file into empty partitions that are indexed like those of the history.
func rawCopy(b *testing.B, dsn string) time.Duration {
	b.Helper()
	ctx := b.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	file, err := os.CreateTemp(b.TempDir(), "rows")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	if _, err := conn.PgConn().CopyTo(ctx, file, "COPY (SELECT * FROM syncer.readings ORDER BY observed_at, image_id) TO STDOUT BINARY"); err != nil {
		b.Fatal(err)
	}
	for _, sql := range []string{
		"CREATE SCHEMA raw",
		"CREATE TABLE raw.readings (LIKE syncer.readings INCLUDING ALL) PARTITION BY RANGE (observed_at)",
		`DO $$ DECLARE p record; BEGIN
FOR p IN SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'syncer.readings'::regclass LOOP
    EXECUTE format('CREATE TABLE raw.%I PARTITION OF raw.readings %s', p.relname, p.bound);
END LOOP; END $$`,
		"CHECKPOINT",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if _, err := conn.PgConn().CopyFrom(ctx, file, "COPY raw.readings FROM STDIN BINARY"); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
