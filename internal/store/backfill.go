package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// Backfill is a read of every repo that may take several runs.
type Backfill struct {
	ID        int64
	StartedAt time.Time
	Done      map[registry.RepoKey]bool // repos that one of its runs has read and written
}

// OpenBackfill goes on with the backfill of a scope that is open, or begins one. Restart leaves an open one for a new one. The
// runs that follow belong to it when they are of kind backfill and of the same shard.
func (s *Store) OpenBackfill(ctx context.Context, shard, scope string, restart bool, now time.Time) (Backfill, error) {
	b := Backfill{Done: map[registry.RepoKey]bool{}}
	err := pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
		if restart {
			if _, err := tx.Exec(ctx, `
-- name: AbandonBackfill
UPDATE syncer.backfills SET finished_at = $2 WHERE scope = $1 AND finished_at IS NULL`, scope, now); err != nil {
				return err
			}
		}
		var first int64
		err := tx.QueryRow(ctx, `
-- name: FindBackfill
SELECT backfill_id, first_run, started_at FROM syncer.backfills WHERE scope = $1 AND finished_at IS NULL`, scope).Scan(&b.ID, &first, &b.StartedAt)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			b.StartedAt = now
			return tx.QueryRow(ctx, `
-- name: BeginBackfill
INSERT INTO syncer.backfills (scope, first_run, started_at)
SELECT $1, COALESCE(MAX(run_id), 0) + 1, $2 FROM syncer.runs
RETURNING backfill_id`, scope, now).Scan(&b.ID)
		case err != nil:
			return err
		}
		return b.readDone(ctx, tx, first, shard)
	})
	return b, databaseError("open backfill", err)
}

func (b *Backfill) readDone(ctx context.Context, tx pgx.Tx, first int64, shard string) error {
	rows, err := tx.Query(ctx, `
-- name: BackfilledRepos
SELECT DISTINCT r.source, r.name
FROM syncer.runs u
JOIN syncer.looks s USING (run_id)
JOIN syncer.repos r USING (repo_id)
WHERE u.run_id >= $1 AND u.kind = 'backfill' AND u.shard = $2 AND s.weight IS NOT NULL
  AND s.run_id >= $1 AND s.at >= u.started_at - interval '1 day' -- leaves older months out`, first, shard)
	if err != nil {
		return err
	}
	var key registry.RepoKey
	_, err = pgx.ForEachRow(rows, []any{&key.Source, &key.Name}, func() error {
		b.Done[key] = true
		return nil
	})
	return err
}

// FinishBackfill closes a backfill.
func (s *Store) FinishBackfill(ctx context.Context, id int64, now time.Time) error {
	_, err := s.pool.Exec(ctx, `
-- name: FinishBackfill
UPDATE syncer.backfills SET finished_at = GREATEST($2, started_at) WHERE backfill_id = $1 AND finished_at IS NULL`, id, now)
	return databaseError("finish backfill", err)
}
