package store

import (
	"context"
	"time"
)

// SourceRow adds up the repos of a source.
type SourceRow struct {
	Source         string
	OK             int64 `db:"ok"` // repos by the outcome of their last try
	Drifting       int64
	Held           int64
	Failed         int64
	Locked         int64
	Behind         int64 // of them those without a complete look since the moment that was asked about
	Images         int64
	PullCount      int64
	LastCompleteAt *time.Time // newest complete look at any of them
}

// ForgottenAfter is how long before its source's last try a repo must have been tried to count as one that is read. Repos that are
// not configured any more would be behind for ever.
const ForgottenAfter = 7 * 24 * time.Hour

// Sources adds up the repos that are read of every source. Those without a complete look since the given moment are behind.
func (s *Store) Sources(ctx context.Context, since time.Time) ([]SourceRow, error) {
	return collect[SourceRow](ctx, s, "read sources", `
-- name: Sources
SELECT source,
    count(*) FILTER (WHERE last_status = 'ok') AS ok,
    count(*) FILTER (WHERE last_status = 'drifting') AS drifting,
    count(*) FILTER (WHERE last_status = 'held') AS held,
    count(*) FILTER (WHERE last_status = 'failed') AS failed,
    count(*) FILTER (WHERE last_status = 'locked') AS locked,
    count(*) FILTER (WHERE last_complete_at IS NULL OR last_complete_at < $1
        OR last_complete_at > GREATEST($1, now()) + interval '5 minutes') AS behind, -- or it was read by a clock that was ahead
    LEAST(SUM(images), 9223372036854775807)::bigint AS images,
    LEAST(SUM(pull_count), 9223372036854775807)::bigint AS pull_count,
    MAX(last_complete_at) AS last_complete_at
FROM (
    SELECT *, LEAST(MAX(last_attempt_at) OVER (PARTITION BY source), GREATEST($1, now())) AS source_attempt_at -- a clock may have been ahead
    FROM syncer.repos
    WHERE gone_at IS NULL AND unconfigured_at IS NULL AND last_attempt_at IS NOT NULL
) r
WHERE last_attempt_at >= source_attempt_at - $2::interval
GROUP BY source ORDER BY source`, since, ForgottenAfter)
}

// Size is what the whole database takes on disk, in bytes.
func (s *Store) Size(ctx context.Context) (bytes int64, err error) {
	err = s.pool.QueryRow(ctx, `
-- name: DatabaseSize
SELECT pg_database_size(current_database())`).Scan(&bytes)
	return bytes, databaseError("read size of the database", err)
}

// LastGoodRun is when the last run of a shard began that kept what it read, or the zero time when there was none.
func (s *Store) LastGoodRun(ctx context.Context, shard string) (began time.Time, err error) {
	var at *time.Time
	err = s.pool.QueryRow(ctx, `
-- name: LastGoodRun
SELECT MAX(started_at) FROM syncer.runs WHERE kind = 'sync' AND shard = $1 AND status IN ('ok', 'partial')`, shard).Scan(&at)
	if at != nil {
		began = *at
	}
	return began, databaseError("read last good run", err)
}
