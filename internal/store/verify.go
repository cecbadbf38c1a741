package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// verifyChunk is how many images are compared at a time. Their roll-up is in memory, their history streams past, so memory
// does not depend on how long the history is.
const verifyChunk = 500

// Difference is a derived value that its sources do not bear out.
type Difference struct {
	Repo     registry.RepoKey
	Image    string    // empty: the repo itself
	What     string    // table.column
	At       time.Time // row the value stands in, as observed_at or day; zero for the only row
	Stored   string
	Derived  string
	Repaired bool
}

// VerifyOptions adjust Verify.
type VerifyOptions struct {
	Repair   bool                  // mend what is derived; observations are never touched
	Progress func(done, total int) // repos; may be nil
}

// Verified adds up a verification.
type Verified struct {
	Repos, Images, HistoryRows, Differences, Repaired int64
}

// Verify re-derives pulls, kinds, windows, roll-up and current counts from the counts in the history, repo by repo, and
// reports every difference. A repo is read as of one moment; with Repair it is locked while it is verified and mended.
func (s *Store) Verify(ctx context.Context, opt VerifyOptions, report func(Difference)) (Verified, error) {
	var sum Verified
	repos, horizon, err := s.verifyPlan(ctx)
	if err != nil {
		return sum, databaseError("verify", err)
	}
	access := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if opt.Repair {
		access = readCommitted
	}
	for i := range repos {
		v := &verifier{repo: repos[i], horizon: horizon, repair: opt.Repair, days: map[time.Time]int64{}}
		if err := pgx.BeginTxFunc(ctx, s.pool, access, func(tx pgx.Tx) error { return v.run(ctx, tx) }); err != nil {
			return sum, databaseError(fmt.Sprintf("verify %s", repos[i].key), err)
		}
		for _, d := range v.found {
			sum.Differences++
			if d.Repaired {
				sum.Repaired++
			}
			report(d)
		}
		sum.Repos, sum.Images, sum.HistoryRows = sum.Repos+1, sum.Images+v.images, sum.HistoryRows+v.rows
		if opt.Progress != nil {
			opt.Progress(i+1, len(repos))
		}
	}
	return sum, nil
}

type verifyRepo struct {
	id  int64
	key registry.RepoKey
}

func (s *Store) verifyPlan(ctx context.Context) (repos []verifyRepo, horizon time.Time, err error) {
	rows, err := s.pool.Query(ctx, "-- name: VerifyRepos\nSELECT repo_id, source, name FROM syncer.repos ORDER BY repo_id")
	if err != nil {
		return nil, horizon, err
	}
	var r verifyRepo
	if _, err = pgx.ForEachRow(rows, []any{&r.id, &r.key.Source, &r.key.Name}, func() error {
		repos = append(repos, r)
		return nil
	}); err != nil {
		return nil, horizon, err
	}
	var from *time.Time
	err = s.pool.QueryRow(ctx, "-- name: HistoryHorizon\nSELECT max(history_from) FROM syncer.retention").Scan(&from)
	return repos, value(from), err
}

// verifier verifies one repo in one transaction.
type verifier struct {
	repo    verifyRepo
	horizon time.Time
	repair  bool

	found        []Difference
	images, rows int64
	live, sum    int64
	days         map[time.Time]int64 // pulls by day
}

func (v *verifier) run(ctx context.Context, tx pgx.Tx) error {
	// Chunks come in the order of an index. A server that knows nothing of the tables yet would sort the whole repo for each.
	if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"); err != nil {
		return err
	}
	if v.repair {
		if _, err := tx.Exec(ctx, "-- name: LockVerifiedRepo\nSELECT FROM syncer.repos WHERE repo_id = $1 FOR NO KEY UPDATE", v.repo.id); err != nil {
			return err
		}
	}
	end := (v.repo.id + 1) << 32
	for after := v.repo.id << 32; after < end-1; {
		list, err := loadImages(ctx, tx, after, end)
		if err != nil {
			return err
		}
		last := end - 1 // the last chunk reaches to the end of the repo's ids and finds rows without an image
		if len(list) == verifyChunk {
			last = list[len(list)-1].ID
		}
		if err := v.chunk(ctx, tx, list, after, last); err != nil {
			return err
		}
		after = last
	}
	return v.compareRepo(ctx, tx)
}

func loadImages(ctx context.Context, tx pgx.Tx, after, end int64) ([]image, error) {
	rows, err := tx.Query(ctx, `
-- name: VerifyImages
SELECT `+imageColumns+` FROM syncer.images WHERE image_id > $1 AND image_id < $2 ORDER BY image_id LIMIT $3`, after, end, verifyChunk)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m image, err error) {
		err = m.scan(row)
		return m, err
	})
}

// differ reports a difference, of the repo itself when m is nil.
func (v *verifier) differ(m *image, what string, at time.Time, stored, derived any, mendable bool) {
	d := Difference{
		Repo: v.repo.key, What: what, At: at, Stored: fmt.Sprint(stored), Derived: fmt.Sprint(derived), Repaired: v.repair && mendable,
	}
	if m != nil {
		d.Image = m.Name
	}
	v.found = append(v.found, d)
}
