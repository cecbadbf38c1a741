package store

import (
	"context"
)

// settleRepos writes what an import comes to for whole repos: their looks, days and sums.
func (im *importer) settleRepos(ctx context.Context) error {
	if err := execAll(ctx, im.write, "CLOSE imported_images", `
-- name: StageDays
CREATE TEMP TABLE import_days (
    repo_id bigint NOT NULL, day date NOT NULL, looks integer NOT NULL, images bigint NOT NULL, pulls bigint NOT NULL) ON COMMIT DROP`); err != nil {
		return err
	}
	c := newCopyBuffer("import_days")
	for _, r := range im.repos {
		for day, pulls := range r.dayPulls {
			c.day(r.id, day, 0, pulls)
		}
		for day, images := range r.dayImages {
			c.day(r.id, day, images, 0)
		}
		if len(c.buf) >= stageBytes {
			if err := c.flush(ctx, im.write); err != nil {
				return err
			}
		}
	}
	if err := c.flush(ctx, im.write); err != nil {
		return err
	}
	return execAll(ctx, im.write, addArchivedLooks, "ANALYZE import_days", mergeRepoDays, mergeRepos)
}

func (c *copyBuffer) day(repo int64, day int32, images, pulls int64) {
	c.row(5)
	c.int8(repo)
	c.int4(day)
	c.int4(0)
	c.int8(images)
	c.int8(pulls)
}

// addArchivedLooks keeps the moments at which the archives looked; each counts once, also when a run looked then too.
const addArchivedLooks = `
-- name: AddArchivedLooks
WITH fresh AS (
    INSERT INTO syncer.archived_looks (repo_id, at)
    SELECT DISTINCT k.repo_id, l.at FROM import_looks l JOIN import_repos k USING (repo_ref)
    ON CONFLICT DO NOTHING
    RETURNING repo_id, at
)
INSERT INTO import_days (repo_id, day, looks, images, pulls)
SELECT f.repo_id, (f.at AT TIME ZONE 'UTC')::date, COUNT(*), 0, 0
FROM fresh f
WHERE NOT EXISTS (SELECT FROM syncer.repo_syncs s
                  WHERE s.repo_id = f.repo_id AND s.finished_at = f.at AND s.status IN ('ok', 'drifting', 'held'))
GROUP BY 1, 2`

// mergeRepoDays adds to the days that are there and makes those that are not. The images of a day are those of the last day
// before it that had a look, and what changed since.
const mergeRepoDays = `
-- name: MergeRepoDays
INSERT INTO syncer.repo_days AS o (repo_id, day, looks, complete_looks, images, pulls)
SELECT w.repo_id, w.day, w.looks, w.complete_looks, w.images, w.pulls
FROM (SELECT x.repo_id, x.day, x.looks, x.complete_looks, x.known,
             COALESCE(max(x.images) OVER (PARTITION BY x.repo_id, x.known_before), 0) -- the one known row of each group
             + SUM(x.step) OVER (PARTITION BY x.repo_id ORDER BY x.day) AS images,
             x.pulls
      FROM (SELECT repo_id, day, COALESCE(d.looks, 0) + COALESCE(s.looks, 0) AS looks, COALESCE(d.complete_looks, 0) AS complete_looks,
                   d.images, COALESCE(s.images, 0) AS step, d.day IS NOT NULL AS known,
                   COUNT(d.images) OVER (PARTITION BY repo_id ORDER BY day) AS known_before,
                   LEAST(COALESCE(d.pulls, 0)::numeric + COALESCE(s.pulls, 0), 9223372036854775807)::bigint AS pulls
            FROM (SELECT repo_id, day, SUM(looks) AS looks, SUM(images) AS images, SUM(pulls) AS pulls
                  FROM import_days GROUP BY repo_id, day) s
            FULL JOIN (SELECT * FROM syncer.repo_days WHERE repo_id IN (SELECT repo_id FROM import_repos)) d USING (repo_id, day)) x) w
WHERE w.known OR w.looks > 0 OR w.pulls <> 0
ON CONFLICT (repo_id, day) DO UPDATE SET looks = EXCLUDED.looks, images = EXCLUDED.images, pulls = EXCLUDED.pulls
WHERE (o.looks, o.images, o.pulls) IS DISTINCT FROM (EXCLUDED.looks, EXCLUDED.images, EXCLUDED.pulls)`

const mergeRepos = `
-- name: MergeRepos
UPDATE syncer.repos r SET
    -- A project is an attribute: the newest word on it holds.
    project_id = CASE WHEN k.project_id <> '' AND (r.project_id = '' OR k.last_at > r.last_look_at) THEN k.project_id ELSE r.project_id END,
    next_image = r.next_image + n.added,
    images = i.images, pull_count = i.pull_count,
    first_seen_at = LEAST(r.first_seen_at, k.first_at), last_look_at = GREATEST(r.last_look_at, k.last_at),
    absence = CASE WHEN k.last_at > r.last_look_at THEN 0 ELSE r.absence END,
    gone_at = CASE WHEN k.last_at > r.gone_at THEN NULL ELSE r.gone_at END
FROM import_repos k
JOIN (SELECT repo_id, COUNT(*) FILTER (WHERE NOT known) AS added FROM import_images GROUP BY repo_id) n USING (repo_id)
JOIN (SELECT repo_id, COUNT(*) FILTER (WHERE deleted_at IS NULL) AS images,
             LEAST(COALESCE(SUM(pull_count) FILTER (WHERE deleted_at IS NULL), 0), 9223372036854775807)::bigint AS pull_count
      FROM syncer.images WHERE repo_id IN (SELECT repo_id FROM import_repos) GROUP BY repo_id) i USING (repo_id)
WHERE r.repo_id = k.repo_id`
