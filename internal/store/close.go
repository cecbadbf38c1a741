package store

import (
	"context"
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
	queueGone(batch, departures(triedIDs, tried))
	queueRepoSyncs(batch, r.id, ids, results)
	return tx.SendBatch(ctx, batch).Close()
}

func queueRepoUpdates(b *pgx.Batch, looks []*look) {
	if len(looks) == 0 {
		return
	}
	b.Queue(`
-- name: UpdateRepos
UPDATE syncer.repos r SET
    project_id = COALESCE(NULLIF(u.project_id, ''), r.project_id),
    next_image = u.next_image, images = u.images, pull_count = u.pull_count, held_since = u.held_since,
    first_seen_at = COALESCE(r.first_seen_at, u.at), last_look_at = u.at, last_attempt_at = u.at,
    last_complete_at = CASE WHEN u.proves THEN u.at ELSE r.last_complete_at END,
    last_status = u.status, last_error = NULLIF(u.error, ''), absence = 0, gone_at = NULL, unconfigured_at = NULL
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
            $8::boolean[], $9::text[], $10::text[])
    AS u (repo_id, project_id, next_image, images, pull_count, held_since, at, proves, status, error)
WHERE r.repo_id = u.repo_id`,
		column(looks, func(l **look) int64 { return (*l).repoID }),
		column(looks, func(l **look) string { return (*l).snap.Repo.ProjectID }),
		column(looks, func(l **look) int64 { return (*l).nextImage }),
		column(looks, func(l **look) int64 { return (*l).live }),
		column(looks, func(l **look) int64 { return (*l).liveSum }),
		column(looks, func(l **look) *time.Time { return (*l).heldSince }),
		column(looks, func(l **look) time.Time { return (*l).at }),
		column(looks, func(l **look) bool { return (*l).proves() }),
		column(looks, func(l **look) string { return string((*l).result().Status) }),
		column(looks, func(l **look) string { return clean((*l).result().Error) }))
}

func queueRepoDays(b *pgx.Batch, looks []*look) {
	if len(looks) == 0 {
		return
	}
	b.Queue(`
-- name: AddToRepoDays
INSERT INTO syncer.repo_days AS d (repo_id, day, looks, complete_looks, images, pulls)
SELECT repo_id, day, 1, proves::integer, images, pulls
FROM unnest($1::bigint[], $2::date[], $3::boolean[], $4::bigint[], $5::bigint[]) AS u (repo_id, day, proves, images, pulls)
ON CONFLICT (repo_id, day) DO UPDATE SET
    looks = d.looks + 1, complete_looks = d.complete_looks + EXCLUDED.complete_looks, images = EXCLUDED.images,
    pulls = LEAST(d.pulls::numeric + EXCLUDED.pulls, 9223372036854775807)::bigint`,
		column(looks, func(l **look) int64 { return (*l).repoID }),
		column(looks, func(l **look) time.Time { return dayOf((*l).at) }),
		column(looks, func(l **look) bool { return (*l).proves() }),
		column(looks, func(l **look) int64 { return (*l).live }),
		column(looks, func(l **look) int64 { return (*l).pulls }))
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
		column(results, func(s *registry.RepoSync) time.Time { return s.FinishedAt }),
		column(results, func(s *registry.RepoSync) string { return string(s.Status) }),
		column(results, func(s *registry.RepoSync) string { return clean(s.Error) }))
}

func queueRepoSyncs(b *pgx.Batch, run int64, ids []int64, results []registry.RepoSync) {
	b.Queue(`
-- name: AddRepoSyncs
INSERT INTO syncer.repo_syncs (run_id, repo_id, started_at, finished_at, status, complete, pages, walks, total_count,
    images_seen, images_new, images_changed, images_missing, rows_rejected, error)
SELECT $1, repo_id, LEAST(started_at, finished_at), finished_at, status, complete, pages, walks, NULLIF(total_count, -1),
    images_seen, images_new, images_changed, images_missing, rows_rejected, NULLIF(error, '')
FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::boolean[], $7::integer[], $8::integer[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[])
    AS u (repo_id, started_at, finished_at, status, complete, pages, walks, total_count, images_seen, images_new,
          images_changed, images_missing, rows_rejected, error)`,
		run, ids,
		column(results, func(s *registry.RepoSync) time.Time { return s.StartedAt }),
		column(results, func(s *registry.RepoSync) time.Time { return s.FinishedAt }),
		column(results, func(s *registry.RepoSync) string { return string(s.Status) }),
		column(results, func(s *registry.RepoSync) bool { return s.Complete }),
		column(results, func(s *registry.RepoSync) int32 { return int32(s.Pages) }),
		column(results, func(s *registry.RepoSync) int32 { return int32(s.Walks) }),
		column(results, func(s *registry.RepoSync) int64 { return s.TotalCount }),
		column(results, func(s *registry.RepoSync) int64 { return int64(s.Seen) }),
		column(results, func(s *registry.RepoSync) int64 { return int64(s.New) }),
		column(results, func(s *registry.RepoSync) int64 { return int64(s.Changed) }),
		column(results, func(s *registry.RepoSync) int64 { return int64(s.Missing) }),
		column(results, func(s *registry.RepoSync) int64 { return int64(s.Rejected) }),
		column(results, func(s *registry.RepoSync) string { return clean(s.Error) }))
}
