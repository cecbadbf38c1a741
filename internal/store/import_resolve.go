package store

import (
	"context"
)

// resolve finds out which repos and images the observations are of, and locks the repos.
func (im *importer) resolve(ctx context.Context, st *staging) error {
	if err := im.prepare(ctx, st); err != nil {
		return err
	}
	if err := stagedRepos.createTemp(ctx, im.tx); err != nil {
		return err
	}
	if err := stagedRepos.copyIn(ctx, im.tx, st.repos); err != nil {
		return err
	}
	im.sum.Repos = int64(len(st.repos))
	for _, sql := range []string{`
-- name: FindImportedRepos
ALTER TABLE import_repos ADD COLUMN repo_id bigint, ADD COLUMN first_at timestamptz, ADD COLUMN last_at timestamptz`, `
-- name: ResolveImportedRepos
UPDATE import_repos k SET repo_id = r.repo_id, first_at = l.first_at, last_at = l.last_at
FROM syncer.repos r, (SELECT repo_ref, min(at) AS first_at, max(at) AS last_at FROM import_looks GROUP BY repo_ref) l
WHERE r.source = k.source AND r.name = k.name AND l.repo_ref = k.repo_ref`,
		"ANALYZE import_repos", "ANALYZE import_readings", `
-- name: LockImportedRepos
SELECT FROM syncer.repos WHERE repo_id IN (SELECT repo_id FROM import_repos) ORDER BY repo_id FOR NO KEY UPDATE`, `
-- name: NumberImportedImages
CREATE TEMP TABLE import_images ON COMMIT DROP AS
SELECT n.repo_ref, n.name, k.repo_id, i.image_id IS NOT NULL AS known,
       COALESCE(i.image_id, (k.repo_id << 32) + r.next_image - 1
                            + row_number() OVER (PARTITION BY k.repo_id, i.image_id IS NULL ORDER BY n.name)) AS image_id
FROM (SELECT DISTINCT repo_ref, name FROM import_readings) n
JOIN import_repos k USING (repo_ref)
JOIN syncer.repos r ON r.repo_id = k.repo_id
LEFT JOIN syncer.images i ON i.repo_id = k.repo_id AND i.name = n.name`,
		"CREATE UNIQUE INDEX ON import_images (image_id)", "ANALYZE import_images", addArchivedLooks, mergeRepos,
	} {
		if _, err := im.tx.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return im.tx.QueryRow(ctx, "-- name: CountImportedImages\nSELECT count(*) FROM import_images").Scan(&im.sum.Images)
}

// prepare makes the rows of repos that are not known yet, and the partitions. Both are visible before the import is and say
// nothing: like a run that claims a repo and dies. A dry run makes them in its own transaction and takes them back.
func (im *importer) prepare(ctx context.Context, st *staging) error {
	var on execer = im.store.pool
	if im.opt.DryRun {
		on = im.tx
	}
	sources := each(st.repos, func(r *stagedRepo) string { return r.Source })
	names := each(st.repos, func(r *stagedRepo) string { return r.Name })
	if err := addRepos(ctx, on, sources, names, each(st.repos, func(r *stagedRepo) string { return r.Project })); err != nil {
		return err
	}
	for month := range st.months {
		if err := makeMonths(ctx, on, month, month); err != nil {
			return err
		}
	}
	return nil
}

// addArchivedLooks keeps the moments at which the archives looked; each counts once, also when a run looked then too.
const addArchivedLooks = `
-- name: AddArchivedLooks
WITH fresh AS (
    SELECT k.repo_id, l.at, bool_or(l.complete) AS complete
    FROM import_looks l JOIN import_repos k USING (repo_ref)
    GROUP BY 1, 2
), known AS (
    UPDATE syncer.looks t SET complete = true
    FROM fresh f
    WHERE t.repo_id = f.repo_id AND t.at = f.at AND t.run_id IS NULL AND f.complete AND NOT t.complete
)
INSERT INTO syncer.looks (repo_id, at, status, weight, complete)
SELECT f.repo_id, f.at, 'archived', 0, f.complete
FROM fresh f
WHERE NOT EXISTS (SELECT FROM syncer.looks t
                  WHERE t.repo_id = f.repo_id AND t.at = f.at AND t.weight IS NOT NULL)`

// mergeRepos takes over what archives say of whole repos. A project is an attribute: the newest word on it holds.
const mergeRepos = `
-- name: MergeImportedRepos
UPDATE syncer.repos r SET
    (project_id, project_at) = (
        SELECT p.id, p.at FROM (VALUES (r.project_id, r.project_at), (k.project_id, k.project_at)) AS p (id, at)
        WHERE p.id <> '' OR k.project_id = '' ORDER BY p.at DESC NULLS LAST, p.id COLLATE "C" DESC LIMIT 1),
    next_image = r.next_image + (SELECT count(*) FROM import_images i WHERE i.repo_id = r.repo_id AND NOT i.known),
    first_seen_at = LEAST(r.first_seen_at, k.first_at),
    -- A moment at which a run looked too is that look's.
    last_archived_at = GREATEST(r.last_archived_at, (SELECT max(at) FROM syncer.looks l WHERE l.repo_id = r.repo_id AND at BETWEEN k.first_at AND k.last_at AND run_id IS NULL))
FROM import_repos k
WHERE r.repo_id = k.repo_id`
