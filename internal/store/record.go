package store

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// Record writes the outcome of repos that were not applied, and lets go of their claims. A repo that another run holds is
// listed with this run, but its own row is left to the run that holds it.
func (r *Run) Record(ctx context.Context, results []registry.RepoSync) error {
	if len(results) == 0 {
		return nil
	}
	repos := make([]registry.Repo, len(results))
	for i := range results {
		repos[i] = results[i].Repo
	}
	sources, names, projects := spread(repos)
	if !r.dry { // which adds them to what it rolls back
		if err := addRepos(ctx, r.store.pool, sources, names, projects); err != nil {
			return databaseError("record repos", err)
		}
	}
	err := r.transact(ctx, readCommitted, func(tx pgx.Tx) error {
		if r.dry {
			if err := addRepos(ctx, tx, sources, names, projects); err != nil {
				return err
			}
		}
		return r.record(ctx, tx, results)
	})
	r.release(ctx, repos)
	return databaseError("record repos", err)
}

// record is the body of the transaction.
func (r *Run) record(ctx context.Context, tx pgx.Tx, results []registry.RepoSync) error {
	repos := make([]registry.Repo, len(results))
	moments := make([]time.Time, len(results))
	for i := range results {
		repos[i], moments[i] = results[i].Repo, results[i].FinishedAt
	}
	if err := r.needMonths(ctx, tx, moments); err != nil {
		return err
	}
	sources, names, _ := spread(repos)
	known, err := repoIDs(ctx, tx, sources, names)
	if err != nil {
		return err
	}
	ids := make([]int64, len(results))
	for i := range repos {
		id, ok := known[repos[i].Key]
		if !ok {
			return errNoRow(repos[i])
		}
		ids[i] = id
	}
	var tried []registry.RepoSync
	var triedIDs []int64
	for i := range results {
		if results[i].Status != registry.RepoLocked {
			tried, triedIDs = append(tried, results[i]), append(triedIDs, ids[i])
		}
	}
	batch := &pgx.Batch{}
	queueAttempts(batch, triedIDs, tried)
	queueHeld(batch, triedIDs, tried)
	list := make([]lookRow, len(results))
	for i := range results {
		list[i] = lookOf(r.id, ids[i], &results[i])
	}
	lookTable.queueInsert(batch, list)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return r.leave(ctx, tx, departures(triedIDs, tried))
}

func queueAttempts(b *pgx.Batch, ids []int64, results []registry.RepoSync) {
	if len(results) == 0 {
		return
	}
	b.Queue(`
-- name: RecordAttempts
UPDATE syncer.repos r SET
    last_attempt_at = u.at, last_status = u.status, last_error = NULLIF(u.error, ''), unconfigured_at = NULL
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[]) AS u (repo_id, at, status, error)
WHERE r.repo_id = u.repo_id`,
		ids,
		each(results, func(s *registry.RepoSync) time.Time { return s.FinishedAt }),
		each(results, func(s *registry.RepoSync) string { return string(s.Status) }),
		each(results, func(s *registry.RepoSync) string { return clean(s.Error) }))
}

// lookRow is a row of syncer.looks: an attempt at a repo, and with a weight a look.
type lookRow struct {
	At         time.Time
	TotalCount *int64
	Repo       int64
	Run        *int64
	TookMS     int32
	Seen       int32
	Weight     *int16
	Complete   bool
	Status     string
	Changed    *int32
	Pages      *int32
	Walks      *int32
	New        *int32
	Missing    *int32
	Rejected   *int32
	Error      *string
}

var lookTable = &table[lookRow]{"looks", 2, []column[lookRow]{
	col("at", "timestamptz", func(l *lookRow) *time.Time { return &l.At }),
	col("repo_id", "integer", func(l *lookRow) *int64 { return &l.Repo }),
	col("total_count", "bigint", func(l *lookRow) **int64 { return &l.TotalCount }),
	col("run_id", "integer", func(l *lookRow) **int64 { return &l.Run }),
	col("took_ms", "integer", func(l *lookRow) *int32 { return &l.TookMS }),
	col("images_seen", "integer", func(l *lookRow) *int32 { return &l.Seen }),
	col("weight", "smallint", func(l *lookRow) **int16 { return &l.Weight }),
	col("complete", "boolean", func(l *lookRow) *bool { return &l.Complete }),
	col("status", "text", func(l *lookRow) *string { return &l.Status }),
	col("images_changed", "integer", func(l *lookRow) **int32 { return &l.Changed }),
	col("pages", "integer", func(l *lookRow) **int32 { return &l.Pages }),
	col("walks", "integer", func(l *lookRow) **int32 { return &l.Walks }),
	col("images_new", "integer", func(l *lookRow) **int32 { return &l.New }),
	col("images_missing", "integer", func(l *lookRow) **int32 { return &l.Missing }),
	col("rows_rejected", "integer", func(l *lookRow) **int32 { return &l.Rejected }),
	col("error", "text", func(l *lookRow) **string { return &l.Error }),
}}

// lookOf is the row of an outcome, without a weight. What mostly says the same is NULL then.
func lookOf(run, repo int64, s *registry.RepoSync) lookRow {
	l := lookRow{
		Repo: repo, At: s.FinishedAt, Run: &run, Seen: int32(s.Seen), Changed: optional(int32(s.Changed)),
		TookMS:   int32(min(max(0, s.FinishedAt.Sub(s.StartedAt).Milliseconds()), math.MaxInt32)),
		Complete: s.Complete, Status: string(s.Status), New: optional(int32(s.New)), Missing: optional(int32(s.Missing)),
		Rejected: optional(int32(s.Rejected)), Error: optional(clean(s.Error)),
	}
	if s.TotalCount >= 0 {
		l.TotalCount = &s.TotalCount
	}
	if s.Pages != 1 {
		l.Pages = new(int32(s.Pages))
	}
	if s.Walks > 1 {
		l.Walks = new(int32(s.Walks))
	}
	return l
}
