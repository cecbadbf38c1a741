package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// queueGone adds up the evidence that repos themselves are gone: a complete listing without the repo, read after its own
// call was refused, counts 2 and a look clears it. At 4 the repo is gone, and its images with it; no threshold holds them
// back, as it is the repo's absence that was seen twice.
func queueGone(b *pgx.Batch, ids []int64, results []registry.RepoSync) {
	var gone []int64
	var at []time.Time
	for i := range results {
		if results[i].Gone {
			gone, at = append(gone, ids[i]), append(at, results[i].FinishedAt)
		}
	}
	if len(gone) == 0 {
		return
	}
	b.Queue(`
-- name: AddRepoAbsence
UPDATE syncer.repos r SET
    absence = LEAST(r.absence + 2, 4),
    gone_at = CASE WHEN r.absence >= 2 THEN COALESCE(r.gone_at, u.at) END
FROM unnest($1::bigint[], $2::timestamptz[]) AS u (repo_id, at)
WHERE r.repo_id = u.repo_id AND r.first_seen_at IS NOT NULL`, gone, at)
	// Only repos that became gone just now: their gone_at is this very moment.
	const justGone = `
    SELECT r.repo_id, u.at FROM unnest($1::bigint[], $2::timestamptz[]) AS u (repo_id, at)
    JOIN syncer.repos r ON r.repo_id = u.repo_id AND r.gone_at = u.at`
	b.Queue(`
-- name: RecordGoneEvents
WITH g AS (`+justGone+`)
INSERT INTO syncer.events (at, repo_id, image_id, event, old_value)
SELECT g.at, g.repo_id, NULL, 'gone', r.images::text FROM g JOIN syncer.repos r USING (repo_id)
UNION ALL
SELECT g.at, g.repo_id, i.image_id, e.event, i.pull_count::text
FROM g JOIN syncer.images i USING (repo_id) CROSS JOIN (VALUES ('missing'), ('deleted')) AS e (event)
WHERE i.deleted_at IS NULL AND (e.event = 'deleted' OR i.missing_since IS NULL)`, gone, at)
	b.Queue(`
-- name: DeleteImagesOfGoneRepos
WITH g AS (`+justGone+`)
UPDATE syncer.images i SET
    absence = 4, missing_since = COALESCE(i.missing_since, g.at), deleted_at = g.at,
    last_seen_at = COALESCE(i.last_seen_at, r.last_look_at)
FROM g JOIN syncer.repos r USING (repo_id)
WHERE i.repo_id = g.repo_id AND i.deleted_at IS NULL`, gone, at)
	b.Queue(`
-- name: EmptyGoneRepos
WITH g AS (`+justGone+`)
UPDATE syncer.repos r SET images = 0, pull_count = 0 FROM g WHERE r.repo_id = g.repo_id`, gone, at)
}
