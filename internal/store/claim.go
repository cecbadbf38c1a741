package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// claimed is a repo that the run has taken, as it was at that moment.
type claimed struct {
	id       int64
	lastLook *time.Time
}

// Claim takes repos for the run until they are applied, recorded or the run ends, and returns those that another live run
// holds.
//
// A claim is an advisory lock of the connection that holds the run's own lock. That connection is in a transaction for as long
// as the run lives, so a pooler gives it to nobody else, and the claims vanish together with a dead run. Should the connection
// break while the run goes on, another run may take a repo over; Apply then finds that the repo was looked at in between.
func (r *Run) Claim(ctx context.Context, repos []registry.Repo) (held []registry.RepoKey, err error) {
	if r.dry {
		held, err := r.store.held(ctx, repos)
		return held, databaseError("look for claims", err)
	}
	held, unknown, err := r.claim(ctx, repos)
	if err != nil || len(unknown) == 0 {
		return held, databaseError("claim repos", err)
	}
	sources, names, projects := spread(unknown)
	if err := addRepos(ctx, r.store.pool, sources, names, projects); err != nil {
		return nil, databaseError("claim repos", err)
	}
	more, unknown, err := r.claim(ctx, unknown)
	if err == nil && len(unknown) > 0 {
		err = errNoRow(unknown[0])
	}
	return append(held, more...), databaseError("claim repos", err)
}

// claim takes those of the repos that have a row, and returns those that another run holds and those that have none.
func (r *Run) claim(ctx context.Context, repos []registry.Repo) (held []registry.RepoKey, unknown []registry.Repo, err error) {
	r.holding.Lock()
	defer r.holding.Unlock()
	if r.holder == nil {
		return nil, nil, errLockLost
	}
	sources, names, _ := spread(repos)
	rows, err := r.holder.Query(ctx, `
-- name: ClaimRepos
SELECT r.repo_id, n.place, r.last_look_at, pg_try_advisory_lock($3 | r.repo_id)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (source, name, place)
-- OFFSET 0 keeps this a look into the index for each repo: joined, all repos of all groups would be read for each group.
CROSS JOIN LATERAL (SELECT repo_id, last_look_at FROM syncer.repos WHERE source = n.source AND name = n.name OFFSET 0) AS r`,
		sources, names, repoLockSpace<<32)
	if err != nil {
		return nil, nil, err
	}
	found := make([]bool, len(repos))
	var c claimed
	var place int
	var mine bool
	_, err = pgx.ForEachRow(rows, []any{&c.id, &place, &c.lastLook, &mine}, func() error {
		found[place-1] = true
		if key := repos[place-1].Key; mine {
			r.repos[key] = c
		} else {
			held = append(held, key)
		}
		c.lastLook = nil
		return nil
	})
	for i := range repos {
		if !found[i] {
			unknown = append(unknown, repos[i])
		}
	}
	return held, unknown, err
}

// Known are the repos of a source that runs have read, and that are not gone.
func (s *Store) Known(ctx context.Context, source string) ([]registry.KnownRepo, error) {
	rows, err := s.pool.Query(ctx, `
-- name: KnownRepos
SELECT source, name, project_id, absence > 0, unconfigured_at IS NOT NULL, last_complete_at FROM syncer.repos
WHERE source = $1 AND first_seen_at IS NOT NULL AND last_attempt_at IS NOT NULL AND gone_at IS NULL ORDER BY name`, source)
	if err != nil {
		return nil, databaseError("read known repos", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (repo registry.KnownRepo, err error) {
		var complete *time.Time
		err = row.Scan(&repo.Key.Source, &repo.Key.Name, &repo.ProjectID, &repo.Absent, &repo.Unconfigured, &complete)
		if complete != nil {
			repo.LastComplete = complete.UTC()
		}
		return repo, err
	})
	return list, databaseError("read known repos", err)
}

// claims are the claims of the snapshots' repos; nil where there is none.
func (r *Run) claims(snaps []registry.Snapshot) []*claimed {
	r.holding.Lock()
	defer r.holding.Unlock()
	list := make([]*claimed, len(snaps))
	for i := range snaps {
		if c, ok := r.repos[snaps[i].Repo.Key]; ok {
			list[i] = &c
		}
	}
	return list
}

// release lets go of claims. What cannot be released any more is gone with its connection.
func (r *Run) release(ctx context.Context, repos []registry.Repo) {
	r.holding.Lock()
	defer r.holding.Unlock()
	var ids []int64
	for i := range repos {
		if c, ok := r.repos[repos[i].Key]; ok {
			ids = append(ids, c.id)
			delete(r.repos, repos[i].Key)
		}
	}
	if len(ids) == 0 || r.holder == nil {
		return
	}
	if _, err := r.holder.Exec(ctx, `
-- name: ReleaseRepos
SELECT pg_advisory_unlock($2 | id) FROM unnest($1::bigint[]) AS id`, ids, repoLockSpace<<32); err != nil {
		r.store.log.Debug("claims are released when the run ends", "run_id", r.id, "error", err)
	}
}

func spread(repos []registry.Repo) (sources, names, projects []string) {
	for _, repo := range repos {
		sources, names, projects = append(sources, repo.Key.Source), append(names, repo.Key.Name), append(projects, repo.ProjectID)
	}
	return sources, names, projects
}

// addRepos makes the rows of repos that are not known yet.
func addRepos(ctx context.Context, db execer, sources, names, projects []string) error {
	_, err := db.Exec(ctx, `
-- name: AddRepos
INSERT INTO syncer.repos (source, name, project_id)
SELECT source, name, project_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS n (source, name, project_id)
-- Known repos are left out here, as ON CONFLICT would use up an id for each. OFFSET 0 as in ClaimRepos.
WHERE NOT EXISTS (SELECT FROM syncer.repos r WHERE r.source = n.source AND r.name = n.name OFFSET 0)
ORDER BY source, name
ON CONFLICT DO NOTHING`, sources, names, projects)
	return err
}

// repoIDs are the ids of repos by key.
func repoIDs(ctx context.Context, tx pgx.Tx, sources, names []string) (map[registry.RepoKey]int64, error) {
	rows, err := tx.Query(ctx, `
-- name: RepoIDs
SELECT r.repo_id, r.source, r.name
FROM syncer.repos r
JOIN unnest($1::text[], $2::text[]) AS n (source, name) ON r.source = n.source AND r.name = n.name
WHERE r.source = ANY ($1) AND r.name = ANY ($2) -- twice, or all repos are read to join a few
ORDER BY r.repo_id
FOR NO KEY UPDATE OF r -- in the order in which everybody locks them`, sources, names)
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

// maxErrorText bounds what is kept of a reason, in bytes.
const maxErrorText = 2000

// clean makes a text fit for the database: valid UTF-8, no NUL, not endless.
func clean(text string) string {
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + "…"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "")
}
