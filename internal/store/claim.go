package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// Claim takes repos for the run until they are applied or recorded, and returns those that another live run holds. A claim
// is a run's id in the repo's row; it is void as soon as the lock of that run is gone.
func (r *Run) Claim(ctx context.Context, repos []registry.Repo) (held []registry.RepoKey, err error) {
	err = pgx.BeginFunc(ctx, r.store.pool, func(tx pgx.Tx) error {
		ids, err := r.lockRepos(ctx, tx, repos)
		if err != nil {
			return err
		}
		mine, err := claim(ctx, tx, r.id, ids)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for key, id := range ids {
			r.repos[key] = id
			if !mine[id] {
				held = append(held, key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, databaseError("claim repos", err)
	}
	return held, nil
}

// lockRepos makes the rows of repos that are not known yet and locks all of them, always in the same order.
func (r *Run) lockRepos(ctx context.Context, tx pgx.Tx, repos []registry.Repo) (map[registry.RepoKey]int64, error) {
	sources, names, projects := make([]string, len(repos)), make([]string, len(repos)), make([]string, len(repos))
	for i, repo := range repos {
		sources[i], names[i], projects[i] = repo.Key.Source, repo.Key.Name, repo.ProjectID
	}
	ids, err := selectRepos(ctx, tx, sources, names)
	if err != nil || len(ids) == len(repos) {
		return ids, err
	}
	if _, err := tx.Exec(ctx, `
-- name: AddRepos
INSERT INTO syncer.repos (source, name, project_id)
SELECT source, name, project_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS n (source, name, project_id)
-- Known repos are left out here, as ON CONFLICT would use up an id for each.
WHERE NOT EXISTS (SELECT FROM syncer.repos r WHERE r.source = n.source AND r.name = n.name)
ORDER BY source, name
ON CONFLICT DO NOTHING`, sources, names, projects); err != nil {
		return nil, err
	}
	return selectRepos(ctx, tx, sources, names)
}

func selectRepos(ctx context.Context, tx pgx.Tx, sources, names []string) (map[registry.RepoKey]int64, error) {
	rows, err := tx.Query(ctx, `
-- name: LockRepos
SELECT r.repo_id, r.source, r.name
FROM syncer.repos r
JOIN unnest($1::text[], $2::text[]) AS n (source, name) ON r.source = n.source AND r.name = n.name
ORDER BY r.repo_id
FOR NO KEY UPDATE OF r`, sources, names)
	if err != nil {
		return nil, err
	}
	ids := make(map[registry.RepoKey]int64, len(names))
	var id int64
	var key registry.RepoKey
	_, err = pgx.ForEachRow(rows, []any{&id, &key.Source, &key.Name}, func() error {
		ids[key] = id
		return nil
	})
	return ids, err
}

// claim marks the locked repos that no other live run holds. A second statement sees what others committed before the lock.
func claim(ctx context.Context, tx pgx.Tx, run int64, ids map[registry.RepoKey]int64) (map[int64]bool, error) {
	list := make([]int64, 0, len(ids))
	for _, id := range ids {
		list = append(list, id)
	}
	rows, err := tx.Query(ctx, `
-- name: ClaimRepos
UPDATE syncer.repos SET claimed_by = $1
WHERE repo_id = ANY ($2)
  AND (claimed_by IS NULL OR claimed_by = $1 OR NOT `+fmt.Sprintf(lockAlive, "claimed_by")+`)
RETURNING repo_id`, run, list)
	if err != nil {
		return nil, err
	}
	mine := make(map[int64]bool, len(list))
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		mine[id] = true
		return nil
	})
	return mine, err
}

// maxErrorText bounds what is kept of a reason, in bytes.
const maxErrorText = 2000

// clean makes a text fit for the database: valid UTF-8, no NUL, not endless.
func clean(text string) string {
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + "…"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "")
}
