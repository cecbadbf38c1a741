package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// RunRow is a row of reporting.runs.
type RunRow struct {
	RunID         int64
	Kind          string
	Shard         string
	Status        string
	StartedAt     time.Time
	FinishedAt    *time.Time // nil while it runs
	ReposOK       int64      `db:"repos_ok"`
	ReposFailed   int64
	ReposHeld     int64
	ImagesSeen    int64
	ImagesNew     int64
	ImagesChanged int64
	ImagesMissing int64
	HistoryRows   int64
	Requests      int64
	Retries       int64
	Error         *string
	Version       string
}

// RepoRow is a row of reporting.repos.
type RepoRow struct {
	Source             string
	ProjectID          string
	Repo               string
	Images             int64
	PullCount          int64
	FirstSeenAt        *time.Time
	LastCompleteSyncAt *time.Time
	LastAttemptAt      *time.Time
	LastStatus         *string
	LastError          *string
	GoneAt             *time.Time
}

// Runs are the last n runs, newest first.
func (s *Store) Runs(ctx context.Context, n int) ([]RunRow, error) {
	return collect[RunRow](ctx, s, "read runs", `
-- name: Runs
SELECT run_id, kind, shard, status, started_at, finished_at, repos_ok, repos_failed, repos_held, images_seen, images_new,
    images_changed, images_missing, history_rows, requests, retries, error, version
FROM reporting.runs ORDER BY run_id DESC LIMIT $1`, n)
}

// Repos are all repos that a run has tried, the ones longest without a complete look first.
func (s *Store) Repos(ctx context.Context) ([]RepoRow, error) {
	return collect[RepoRow](ctx, s, "read repos", `
-- name: Repos
SELECT source, project_id, repo, images, pull_count, first_seen_at, last_complete_sync_at, last_attempt_at, last_status, last_error, gone_at
FROM reporting.repos ORDER BY last_complete_sync_at NULLS FIRST, source, repo`)
}

// collect reads all rows of a query into structs by column name.
func collect[T any](ctx context.Context, s *Store, doing, sql string, args ...any) ([]T, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, databaseError(doing, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	return list, databaseError(doing, err)
}
