package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// queueHeld notes since when repos are held back because too many of their source would have left.
func queueHeld(b *pgx.Batch, ids []int64, results []registry.RepoSync) {
	var held []int64
	var at []time.Time
	for i := range results {
		if results[i].Status == registry.RepoHeld {
			held, at = append(held, ids[i]), append(at, results[i].FinishedAt)
		}
	}
	if len(held) == 0 {
		return
	}
	b.Queue(`
-- name: HoldRepos
WITH h AS (
    UPDATE syncer.repos r SET held_since = u.at
    FROM unnest($1::bigint[], $2::timestamptz[]) AS u (repo_id, at)
    WHERE r.repo_id = u.repo_id AND r.held_since IS NULL
    RETURNING r.repo_id, u.at, r.images
)
INSERT INTO syncer.events (at, repo_id, image_id, event, new_value) SELECT at, repo_id, NULL, 'held', images::text FROM h`, held, at)
}

// Configured tells which repos of a source a run is meant to read. Any other that has a row is not configured any more; it
// counts again as soon as a run tries it.
func (r *Run) Configured(ctx context.Context, source string, keys []registry.RepoKey, at time.Time) error {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].Name
	}
	return databaseError("mark repos that are not configured", r.transact(ctx, readCommitted, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
-- name: MarkUnconfigured
WITH u AS (
    UPDATE syncer.repos r SET unconfigured_at = $3, held_since = NULL
    FROM (SELECT repo_id, held_since FROM syncer.repos
          WHERE source = $1 AND NOT (name = ANY ($2)) AND gone_at IS NULL AND unconfigured_at IS NULL
          ORDER BY repo_id FOR NO KEY UPDATE) was
    WHERE r.repo_id = was.repo_id
    RETURNING r.repo_id, was.held_since
)
INSERT INTO syncer.events (at, repo_id, image_id, event) SELECT $3, repo_id, NULL, 'released' FROM u WHERE held_since IS NOT NULL`,
			source, names, at)
		return err
	}))
}
