package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// rounds of each measurement; the median is reported.
const rounds = 5

// fleet is a set of repos of equal size whose counts the benchmark moves.
type fleet struct {
	b     testing.TB
	dsn   string
	s     *store.Store
	conn  *pgx.Conn
	now   time.Time
	repos []registry.Snapshot
}

func newFleet(b testing.TB, repos, size int) *fleet {
	b.Helper()
	dsn := migrated(b)
	s, err := store.Open(b.Context(), dsn, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	conn, err := plain(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	f := &fleet{b: b, dsn: dsn, s: s, conn: conn, now: start}
	for r := range repos {
		snap := registry.Snapshot{
			Repo:     registry.Repo{Key: registry.RepoKey{Source: "default", Name: fmt.Sprintf("repo%05d", r)}},
			Evidence: registry.Complete, Walks: 1, Pages: size/100 + 1, TotalCount: int64(size),
		}
		for i := range size {
			created := start.Add(-time.Duration(i) * time.Minute)
			snap.Images = append(snap.Images, registry.Image{
				Name: fmt.Sprintf("team%02d/service-%06d", r%100, i), PullCount: int64(i) * 7, Counted: true, LatestTag: "v1.2.3",
				Created: registry.Timestamp{Raw: fmt.Sprint(created.Unix()), At: created},
				Updated: registry.Timestamp{Raw: fmt.Sprint(start.Unix()), At: start},
			})
		}
		f.repos = append(f.repos, snap)
	}
	return f
}

// reconnect ends the store's sessions and opens others.
func (f *fleet) reconnect() {
	f.s.Close()
	s, err := store.Open(f.b.Context(), f.dsn, store.Options{})
	if err != nil {
		f.b.Fatal(err)
	}
	f.s = s
	f.b.Cleanup(s.Close)
}

// sync applies all repos the way a run does, and returns how long that took.
func (f *fleet) sync() time.Duration {
	f.now = f.now.Add(time.Hour)
	perCall := max(1, min(500, 20_000/max(1, len(f.repos[0].Images))))
	began := time.Now()
	run, err := f.s.BeginRun(f.b.Context(), store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "bench", StartedAt: f.now})
	if err != nil {
		f.b.Fatal(err)
	}
	for group := range slices.Chunk(f.repos, perCall) {
		repos := make([]registry.Repo, len(group))
		for i := range group {
			group[i].StartedAt, group[i].FinishedAt = f.now, f.now
			repos[i] = group[i].Repo
		}
		if _, err := run.Claim(f.b.Context(), repos); err != nil {
			f.b.Fatal(err)
		}
		if _, err := run.Apply(f.b.Context(), group, store.ApplyOptions{}); err != nil {
			f.b.Fatal(err)
		}
	}
	if err := run.Finish(f.b.Context(), registry.RunSummary{Status: registry.RunOK, FinishedAt: f.now}); err != nil {
		f.b.Fatal(err)
	}
	return time.Since(began)
}

// pull raises the count of one image in every n.
func (f *fleet) pull(n int) {
	for r := range f.repos {
		for i := range f.repos[r].Images {
			if (r+i)%n == 0 {
				f.repos[r].Images[i].PullCount += 3
			}
		}
	}
}

func (f *fleet) exec(sql string, args ...any) {
	f.b.Helper()
	if _, err := f.conn.Exec(f.b.Context(), sql, args...); err != nil {
		f.b.Fatal(err)
	}
}

func (f *fleet) number(sql string, args ...any) (n int64) {
	f.b.Helper()
	if err := f.conn.QueryRow(f.b.Context(), sql, args...).Scan(&n); err != nil {
		f.b.Fatal(err)
	}
	return n
}

func (f *fleet) wal() int64 { return f.number(`SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`) }

var tables = []string{"images", "readings", "image_days"}

// dump reads all rows of the tables, to be written again by load.
func (f *fleet) dump() map[string][][]any {
	rows := map[string][][]any{}
	for _, table := range tables {
		r, err := f.conn.Query(f.b.Context(), "SELECT * FROM syncer."+table)
		if err != nil {
			f.b.Fatal(err)
		}
		for r.Next() {
			values, err := r.Values()
			if err != nil {
				f.b.Fatal(err)
			}
			rows[table] = append(rows[table], values)
		}
		if r.Err() != nil {
			f.b.Fatal(r.Err())
		}
	}
	return rows
}

// load copies rows into the same indexed tables, in transactions of the size that a run has.
func (f *fleet) load(rows map[string][][]any) time.Duration {
	f.exec(`SELECT syncer.make_partitions($1, $1)`, f.now)
	columns := map[string][]string{}
	for _, table := range tables {
		r, err := f.conn.Query(f.b.Context(), "SELECT * FROM syncer."+table+" LIMIT 0")
		if err != nil {
			f.b.Fatal(err)
		}
		for _, d := range r.FieldDescriptions() {
			columns[table] = append(columns[table], d.Name)
		}
		r.Close()
	}
	began := time.Now()
	for _, table := range tables {
		for group := range slices.Chunk(rows[table], 20_000) {
			if _, err := f.conn.CopyFrom(f.b.Context(), pgx.Identifier{"syncer", table}, columns[table], pgx.CopyFromRows(group)); err != nil {
				f.b.Fatal(err)
			}
		}
	}
	return time.Since(began)
}

// merge is the least that a change costs: the changed rows copied into a temporary table and merged from there.
func (f *fleet) merge(n int) time.Duration {
	f.now = f.now.Add(time.Hour)
	ids := f.changed(n)
	began := time.Now()
	err := pgx.BeginFunc(f.b.Context(), f.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(f.b.Context(), `CREATE TEMP TABLE changed (image_id bigint, pull_count bigint, pulls bigint) ON COMMIT DROP`); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(f.b.Context(), pgx.Identifier{"changed"}, []string{"image_id", "pull_count", "pulls"}, pgx.CopyFromRows(ids)); err != nil {
			return err
		}
		_, err := tx.Exec(f.b.Context(), fmt.Sprintf(`
WITH merged AS (
    UPDATE syncer.images i SET pull_count = c.pull_count, kind = 3, observed_at = '%[1]s', last_pulled_at = '%[1]s'
    FROM changed c WHERE i.image_id = c.image_id
), added AS (
    UPDATE syncer.image_days d SET pulls = COALESCE(d.pulls, 0) + c.pulls, pull_count = c.pull_count
    FROM changed c WHERE d.image_id = c.image_id AND d.day = '%[2]s'
)
INSERT INTO syncer.readings (image_id, observed_at, since, pull_count, pulls, generation, kind) SELECT image_id, '%[1]s', '%[3]s', pull_count, pulls, 1, 3 FROM changed`,
			f.now.Format(time.RFC3339), f.now.Format(time.DateOnly), f.now.Add(-time.Hour).Format(time.RFC3339)))
		return err
	})
	if err != nil {
		f.b.Fatal(err)
	}
	return time.Since(began)
}

// changed are the rows that pull(n) would change.
func (f *fleet) changed(n int) [][]any {
	f.pull(n)
	rows, err := f.conn.Query(f.b.Context(), `SELECT r.name, i.image_id, i.name FROM syncer.images i JOIN syncer.repos r USING (repo_id)`)
	if err != nil {
		f.b.Fatal(err)
	}
	ids := map[string]int64{}
	var repo, name string
	var id int64
	if _, err := pgx.ForEachRow(rows, []any{&repo, &id, &name}, func() error { ids[repo+"\x00"+name] = id; return nil }); err != nil {
		f.b.Fatal(err)
	}
	var list [][]any
	for r := range f.repos {
		for i, img := range f.repos[r].Images {
			if (r+i)%n == 0 {
				list = append(list, []any{ids[f.repos[r].Repo.Key.Name+"\x00"+img.Name], img.PullCount, int64(3)})
			}
		}
	}
	return list
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// against runs two measurements in turn and reports the ratio of their medians.
func against(b *testing.B, limit float64, images int, ours, rival func() time.Duration) {
	b.Helper()
	var a, z []time.Duration
	for range rounds {
		a, z = append(a, ours()), append(z, rival())
	}
	ratio := float64(median(a)) / float64(median(z))
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(limit, "limit")
	b.ReportMetric(float64(images)/median(a).Seconds(), "images/s")
	b.ReportMetric(float64(median(a).Milliseconds()), "ms")
	b.ReportMetric(float64(median(z).Milliseconds()), "rival-ms")
	b.ReportMetric(0, "ns/op")
}

// The first load of 100,000 images, against copying the same rows into the same indexed tables.
func BenchmarkFirstLoad(b *testing.B) {
	model := newFleet(b, 100, 1000)
	model.sync()
	rows := model.dump()
	against(b, 1.5, 100_000,
		func() time.Duration { return newFleet(b, 100, 1000).sync() },
		func() time.Duration { return newFleet(b, 1, 1).load(rows) })
	b.ReportMetric(float64(model.number(`SELECT pg_total_relation_size('syncer.images')`))/100_000, "B/image")
	b.ReportMetric(float64(model.number(`SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'syncer.readings'::regclass`))/100_000, "B/history-row")
	b.ReportMetric(float64(model.number(`SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = 'syncer.image_days'::regclass`))/100_000, "B/day-row")
}

// 100,000 images of which none changed: against the limit of 400,000 images a second and 1 MB of WAL.
func BenchmarkUnchanged(b *testing.B) {
	f := newFleet(b, 100, 1000)
	f.sync()
	f.exec("VACUUM ANALYZE")
	f.sync()
	f.exec("CHECKPOINT")
	var times []time.Duration
	var wal []int64
	for range rounds {
		before := f.wal()
		times = append(times, f.sync())
		wal = append(wal, f.wal()-before)
	}
	slices.Sort(wal)
	b.ReportMetric(400_000*median(times).Seconds()/100_000, "ratio")
	b.ReportMetric(1, "limit")
	b.ReportMetric(100_000/median(times).Seconds(), "images/s")
	b.ReportMetric(float64(wal[rounds/2])/1e6, "WAL-MB")
	b.ReportMetric(0, "ns/op")
}

func benchmarkChanged(b *testing.B, n int, limit float64) {
	f, rival := newFleet(b, 100, 1000), newFleet(b, 100, 1000)
	for _, f := range []*fleet{f, rival} {
		f.sync()
		f.exec("VACUUM ANALYZE")
	}
	before := f.wal()
	var wal int64
	against(b, limit, 100_000,
		func() time.Duration { f.pull(n); before = f.wal(); d := f.sync(); wal = f.wal() - before; return d },
		func() time.Duration { return rival.merge(n) })
	b.ReportMetric(float64(wal)/float64(100_000/n), "WAL-B/change")
}

// 100,000 images of which one in a hundred was pulled, against copying just these rows and merging them.
func BenchmarkChangedOnePercent(b *testing.B) { benchmarkChanged(b, 100, 4) }

// The same with every image pulled.
func BenchmarkChangedAll(b *testing.B) { benchmarkChanged(b, 1, 1.7) }

// 10,000 repos of 10 images, against 100 repos of 1,000, on the run that writes them first and on one without change.
func BenchmarkTinyRepos(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		against(b, 3, 100_000,
			func() time.Duration { return newFleet(b, 10_000, 10).sync() },
			func() time.Duration { return newFleet(b, 100, 1000).sync() })
	})
	b.Run("unchanged", func(b *testing.B) {
		tiny, large := newFleet(b, 10_000, 10), newFleet(b, 100, 1000)
		for _, f := range []*fleet{tiny, large} {
			f.sync()
			f.exec("VACUUM ANALYZE")
		}
		against(b, 3, 100_000, tiny.sync, large.sync)
	})
}
