package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// Evidence that a repo is gone: a complete listing without it counts repoAbsent, a look clears the sum, at repoGone it is gone.
const (
	repoAbsent = 2
	repoGone   = 4
)

// departure is a repo that a complete listing does not hold.
type departure struct {
	id     int64
	at     time.Time
	weight int16 // evidence that it is gone
	limit  int16 // of the sum of that evidence
}

// departures weighs the evidence. One listing is all that counts while a repo is held; a person's word stands for the other.
func departures(ids []int64, results []registry.RepoSync) (list []departure) {
	for i := range results {
		if !results[i].Gone {
			continue
		}
		d := departure{id: ids[i], at: results[i].FinishedAt, weight: repoAbsent, limit: repoGone}
		switch {
		case results[i].Status == registry.RepoHeld:
			d.limit = repoAbsent
		case results[i].Released:
			d.weight = repoGone
		}
		list = append(list, d)
	}
	return list
}

// queueGone adds up the evidence that repos themselves are gone. At repoGone the repo is gone, and its images with it; no
// threshold of images holds them back, as it is the repo's absence that was seen twice.
func queueGone(b *pgx.Batch, list []departure) {
	if len(list) == 0 {
		return
	}
	ids := column(list, func(d *departure) int64 { return d.id })
	at := column(list, func(d *departure) time.Time { return d.at })
	b.Queue(`
-- name: AddRepoAbsence
UPDATE syncer.repos r SET
    absence = LEAST(r.absence + u.weight, u.most),
    gone_at = CASE WHEN LEAST(r.absence + u.weight, u.most) >= 4 THEN u.at END,
    held_since = CASE WHEN LEAST(r.absence + u.weight, u.most) < 4 THEN r.held_since END
FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[], $4::smallint[]) AS u (repo_id, at, weight, most)
WHERE r.repo_id = u.repo_id AND r.first_seen_at IS NOT NULL AND r.gone_at IS NULL`, ids, at,
		column(list, func(d *departure) int16 { return d.weight }), column(list, func(d *departure) int16 { return d.limit }))
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
WHERE i.deleted_at IS NULL AND (e.event = 'deleted' OR i.missing_since IS NULL)`, ids, at)
	b.Queue(`
-- name: DeleteImagesOfGoneRepos
WITH g AS (`+justGone+`)
UPDATE syncer.images i SET
    absence = 4, missing_since = COALESCE(i.missing_since, g.at), deleted_at = g.at,
    last_seen_at = COALESCE(i.last_seen_at, r.last_look_at)
FROM g JOIN syncer.repos r USING (repo_id)
WHERE i.repo_id = g.repo_id AND i.deleted_at IS NULL`, ids, at)
	b.Queue(`
-- name: EmptyGoneRepos
WITH g AS (`+justGone+`)
UPDATE syncer.repos r SET images = 0, pull_count = 0 FROM g WHERE r.repo_id = g.repo_id`, ids, at)
}
