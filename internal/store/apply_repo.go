package store

import (
	"time"

	"github.com/jackc/pgx/v5"
)

func queueRepoUpdates(b *pgx.Batch, looks []*look) {
	if len(looks) == 0 {
		return
	}
	b.Queue(`
-- name: UpdateRepos
UPDATE syncer.repos r SET
    project_id = COALESCE(NULLIF(u.project_id, ''), r.project_id), project_at = CASE WHEN u.project_id <> '' THEN u.at ELSE r.project_at END,
    next_image = u.next_image, images = u.images, pull_count = u.pull_count, held_since = u.held_since,
    first_seen_at = LEAST(r.first_seen_at, u.at), last_look_at = u.at, last_attempt_at = u.at,
    last_complete_at = CASE WHEN u.proves THEN u.at ELSE r.last_complete_at END,
    last_status = u.status, last_error = NULLIF(u.error, ''), absence = 0, gone_at = NULL, unconfigured_at = NULL
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
            $8::boolean[], $9::text[], $10::text[])
    AS u (repo_id, project_id, next_image, images, pull_count, held_since, at, proves, status, error)
WHERE r.repo_id = u.repo_id`,
		each(looks, func(l **look) int64 { return (*l).repoID }),
		each(looks, func(l **look) string { return (*l).snap.Repo.ProjectID }),
		each(looks, func(l **look) int64 { return (*l).nextImage }),
		each(looks, func(l **look) int64 { return (*l).live }),
		each(looks, func(l **look) int64 { return (*l).liveSum }),
		each(looks, func(l **look) *time.Time { return (*l).heldSince }),
		each(looks, func(l **look) time.Time { return (*l).at }),
		each(looks, func(l **look) bool { return (*l).proves() }),
		each(looks, func(l **look) string { return string((*l).result().Status) }),
		each(looks, func(l **look) string { return clean((*l).result().Error) }))
}

func queueRepoDays(b *pgx.Batch, looks []*look) {
	if len(looks) == 0 {
		return
	}
	b.Queue(`
-- name: AddToRepoDays
INSERT INTO syncer.repo_days AS d (repo_id, day, looks, complete_looks, images, pulls, rises)
SELECT repo_id, day, 1, proves::integer, images, pulls, rises
FROM unnest($1::bigint[], $2::date[], $3::boolean[], $4::bigint[], $5::bigint[], $6::integer[])
    AS u (repo_id, day, proves, images, pulls, rises)
ON CONFLICT (repo_id, day) DO UPDATE SET
    looks = d.looks + EXCLUDED.looks, complete_looks = d.complete_looks + EXCLUDED.complete_looks, images = EXCLUDED.images,
    pulls = syncer.capped(d.pulls::numeric + EXCLUDED.pulls), rises = d.rises + EXCLUDED.rises`,
		each(looks, func(l **look) int64 { return (*l).repoID }),
		each(looks, func(l **look) time.Time { return dayOf((*l).at) }),
		each(looks, func(l **look) bool { return (*l).proves() }),
		each(looks, func(l **look) int64 { return (*l).live }),
		each(looks, func(l **look) int64 { return (*l).pulls }),
		each(looks, func(l **look) int32 { return (*l).rises }))
}

// queueLooks adds the rows of looks that were written.
func queueLooks(b *pgx.Batch, run int64, looks []*look) {
	list := make([]lookRow, len(looks))
	for i, l := range looks {
		result := l.result()
		list[i] = lookOf(run, l.repoID, &result)
		list[i].Weight = new(int16(l.weight))
		if l.leaving {
			list[i].Status = lookGone
		}
	}
	lookTable.queueInsert(b, list)
}

// lookGone is the status of the look at nothing by which a repo left the lists.
const lookGone = "gone"
