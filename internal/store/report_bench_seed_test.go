package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A year of a busy registry: looks every two hours, at each of which one image in twenty has changed. Popularity follows
// Zipf's law, and the lowest third of the images stops being pulled at some time of the year.
const (
	benchRepos     = 100
	benchImages    = 100_000
	benchDays      = 365
	benchLooksADay = 12
	benchRate      = 930.0 // pulls of the most popular image a look; makes 5 % of the images change
)

// seedYear writes the year that ends at end as the store would have left it.
func seedYear(ctx context.Context, pool *pgxpool.Pool, end time.Time) (rows int64, err error) {
	start := end.AddDate(0, 0, -benchDays)
	err = run(ctx, pool,
		"SELECT syncer.make_partitions($1, $2)", []any{start, end},
		`INSERT INTO syncer.repos (source, name, images, first_seen_at, last_look_at, last_complete_at, last_attempt_at, last_status)
		 SELECT 'default', format('repo-%s', n), $1::bigint / $2::bigint, $3, $4, $4, $4, 'ok' FROM generate_series(1, $2::bigint) n`,
		[]any{benchImages, benchRepos, start, end},
	)
	if err != nil {
		return 0, err
	}
	repos, err := pool.Query(ctx, "SELECT repo_id FROM syncer.repos")
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(repos, pgx.RowTo[int64])
	if err != nil {
		return 0, err
	}
	year := newBenchYear(start, ids)
	for year.look < benchDays*benchLooksADay { // a COPY a fortnight: memory of the server stays small
		year.until = min(year.look+14*benchLooksADay, benchDays*benchLooksADay)
		n, err := pool.CopyFrom(ctx, pgx.Identifier{"syncer", "readings"},
			[]string{"image_id", "observed_at", "since", "pull_count", "pulls", "generation", "kind"}, year)
		if err != nil {
			return rows, fmt.Errorf("copy history: %w", err)
		}
		rows += n
	}
	return rows, run(ctx, pool,
		`INSERT INTO syncer.image_days
		 SELECT image_id, (observed_at AT TIME ZONE 'UTC')::date, SUM(pulls), (array_agg(pull_count ORDER BY observed_at DESC))[1], 0
		 FROM syncer.readings GROUP BY 1, 2 ORDER BY 2, 1`, nil,
		`INSERT INTO syncer.images (image_id, repo_id, name, pull_count, kind, observed_at, generation, first_seen_at, last_pulled_at)
		 SELECT image_id, image_id >> 32, format('image-%s', image_id & 4294967295), MAX(pull_count), 3, MAX(observed_at), 1,
		        MIN(observed_at), MAX(observed_at) FILTER (WHERE pulls > 0)
		 FROM syncer.readings GROUP BY image_id`, nil,
		`INSERT INTO syncer.repo_days
		 SELECT r.repo_id, d::date, $1, $1, r.images, 0
		 FROM syncer.repos r, generate_series($2::date, $3::date, interval '1 day') d`, []any{benchLooksADay, start, end},
		`UPDATE syncer.repo_days d SET pulls = s.pulls
		 FROM (SELECT image_id >> 32 AS repo_id, day, SUM(pulls) AS pulls FROM syncer.image_days GROUP BY 1, 2) s
		 WHERE s.repo_id = d.repo_id AND s.day = d.day AND s.pulls > 0`, nil,
		`UPDATE syncer.repos r SET pull_count = s.n
		 FROM (SELECT repo_id, SUM(pull_count) AS n FROM syncer.images GROUP BY 1) s WHERE s.repo_id = r.repo_id`, nil,
		`INSERT INTO syncer.looks (at, total_count, repo_id, run_id, images_seen, weight, complete, status, pages)
		 SELECT t, r.images, r.repo_id, 1, r.images, 2, true, 'ok', 10
		 FROM syncer.repos r, generate_series($1::timestamptz, $2, make_interval(hours => 24 / $3)) t`,
		[]any{start, end, benchLooksADay},
		"VACUUM (ANALYZE)", nil,
	)
}

// run executes statements, each followed by its arguments.
func run(ctx context.Context, pool *pgxpool.Pool, statements ...any) error {
	for i := 0; i < len(statements); i += 2 {
		args, _ := statements[i+1].([]any)
		if _, err := pool.Exec(ctx, statements[i].(string), args...); err != nil {
			return fmt.Errorf("%.60s: %w", statements[i], err)
		}
	}
	return nil
}

// benchYear yields the history in the order in which it would have been observed. It implements pgx.CopyFromSource.
type benchYear struct {
	rng               *rand.Rand
	start             time.Time
	repos             []int64
	look, until, next int // look, the look to stop before, and the next image
	rate              []float64
	dies              []int // look after which nobody pulls the image
	count             []int64
	row               []any
}

func newBenchYear(start time.Time, repos []int64) *benchYear {
	y := &benchYear{
		rng: rand.New(rand.NewPCG(1, 2)), start: start, repos: repos,
		rate: make([]float64, benchImages), dies: make([]int, benchImages),
		count: make([]int64, benchImages),
		row:   make([]any, 7),
	}
	for i, rank := range y.rng.Perm(benchImages) {
		y.rate[i] = benchRate / float64(rank+1)
		y.count[i] = int64(y.rng.ExpFloat64() * 1000 * y.rate[i])
		y.dies[i] = math.MaxInt
		if rank > benchImages*2/3 {
			y.dies[i] = y.rng.IntN(benchDays * benchLooksADay)
		}
	}
	return y
}

func (y *benchYear) at(look int) time.Time {
	return y.start.Add(time.Duration(look) * 24 * time.Hour / benchLooksADay)
}

// Next finds the next image that changes.
func (y *benchYear) Next() bool {
	for ; y.look < y.until; y.look, y.next = y.look+1, 0 {
		for ; y.next < benchImages; y.next++ {
			i := y.next
			switch {
			case y.look == 0:
				y.set(i, nil, nil, 1)
			case y.look <= y.dies[i] && y.rng.Float64() < 1-math.Exp(-y.rate[i]):
				pulls := 1 + int64(y.rate[i]*2*y.rng.Float64())
				y.count[i] += pulls
				y.set(i, y.at(y.look-1), pulls, 3)
			default:
				continue
			}
			y.next++
			return true
		}
	}
	return false
}

func (y *benchYear) set(i int, since, pulls any, kind int16) {
	id := y.repos[i%benchRepos]<<32 | int64(i/benchRepos+1)
	y.row = []any{id, y.at(y.look), since, y.count[i], pulls, int32(1), kind}
}

// Values are those of the row Next found.
func (y *benchYear) Values() ([]any, error) { return y.row, nil }

// Err is always nil: nothing here can fail.
func (y *benchYear) Err() error { return nil }
