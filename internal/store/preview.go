package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// Preview tells what applying a snapshot would come to, and writes nothing.
func (s *Store) Preview(ctx context.Context, snap registry.Snapshot, opt ApplyOptions) (result registry.RepoSync, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		l := &look{snap: &snap, release: opt.AllowMassDelete != nil && opt.AllowMassDelete(snap.Repo.Key)}
		err := tx.QueryRow(ctx, `
-- name: PreviewLook
SELECT repo_id, last_look_at, last_complete_at, held_since, gone_at
FROM syncer.repos WHERE source = $1 AND name = $2`, snap.Repo.Key.Source, snap.Repo.Key.Name).
			Scan(&l.repoID, &l.lastLook, &l.complete, &l.heldSince, &l.goneAt)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		l.at = after(snap.FinishedAt, l.lastLook)
		if err := writeLooks(ctx, tx, []*look{l}, &changes{discard: true}); err != nil {
			return err
		}
		result = l.result()
		return nil
	})
	return result, databaseError("preview snapshot", err)
}
