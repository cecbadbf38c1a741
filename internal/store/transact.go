package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"syncer/internal/registry"
)

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// readCommitted is the isolation that everything here is made for: what another run has committed meanwhile is seen, and row
// locks put in order what is written. A role, a database or a server may have another default.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// attempts of a transaction that met a deadlock or serialization failure, or months without partitions.
const attempts = 4

// transact does the work of a run in a transaction. A dry run does all of the same work and rolls it back.
//
// Months that have no partitions yet are made in a transaction of their own: a lock on the parent tables must not last as long
// as the writing of a repo. A dry run, which must not leave them behind, makes them in its transaction.
func (r *Run) transact(ctx context.Context, opt pgx.TxOptions, work func(tx pgx.Tx) error) (err error) {
	for range attempts {
		err = pgx.BeginTxFunc(ctx, r.store.pool, opt, func(tx pgx.Tx) error {
			if err := work(tx); err != nil || !r.dry {
				return err
			}
			return errDryRun
		})
		var months *monthsError
		switch {
		case err == nil || errors.Is(err, errDryRun):
			return nil
		case errors.As(err, &months):
			if err := makeMonths(ctx, r.store.pool, months.first, months.last); err != nil {
				return err
			}
		case !worthRetrying(err):
			return err
		}
	}
	return err
}

// BeginDryRun begins a run that does all the work of a run and keeps nothing of it: no record, no lock, no claim that would make
// another run leave a repo out.
func (s *Store) BeginDryRun() *Run {
	done := make(chan struct{})
	close(done)
	return &Run{store: s, dry: true, stop: func() {}, done: done, repos: map[registry.RepoKey]claimed{}}
}

// needMonths makes sure of the months, in a dry run's own transaction at once.
func (r *Run) needMonths(ctx context.Context, tx pgx.Tx, moments []time.Time) error {
	err := needMonths(ctx, tx, moments)
	if months, ok := errors.AsType[*monthsError](err); ok && r.dry {
		return makeMonths(ctx, tx, months.first, months.last)
	}
	return err
}

// held returns the repos that a live run holds, and takes none.
func (s *Store) held(ctx context.Context, repos []registry.Repo) ([]registry.RepoKey, error) {
	sources, names, _ := spread(repos)
	rows, err := s.pool.Query(ctx, `
-- name: HeldRepos
SELECT r.source, r.name
FROM syncer.repos r
JOIN unnest($1::text[], $2::text[]) AS n (source, name) ON r.source = n.source AND r.name = n.name
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = $3::bigint::oid AND l.objid = r.repo_id::oid
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`,
		sources, names, repoLockSpace)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (key registry.RepoKey, err error) {
		err = row.Scan(&key.Source, &key.Name)
		return key, err
	})
}

// unclaimed are what claims would be of repos that a dry run is about to write: those that are not known yet get rows, which
// are rolled back with all else.
func (r *Run) unclaimed(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot) ([]*claimed, error) {
	repos := make([]registry.Repo, len(snaps))
	for i := range snaps {
		repos[i] = snaps[i].Repo
	}
	sources, names, projects := spread(repos)
	if err := addRepos(ctx, tx, sources, names, projects); err != nil {
		return nil, err
	}
	ids, err := repoIDs(ctx, tx, sources, names)
	if err != nil {
		return nil, err
	}
	list := make([]*claimed, len(snaps))
	for i := range snaps {
		id, ok := ids[snaps[i].Repo.Key]
		if !ok {
			return nil, errNoRow(repos[i])
		}
		list[i] = &claimed{id: id}
	}
	return list, nil
}
