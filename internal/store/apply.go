package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// chunk bounds how many images of a big repo are in memory beside its snapshot while it is written.
const chunk = 20_000

// ApplyOptions adjust Apply.
type ApplyOptions struct {
	// AllowMassDelete tells of a repo whether its vanished images are really gone. nil: of none.
	AllowMassDelete func(registry.RepoKey) bool
}

// Apply writes snapshots of repos that the run has claimed, each repo whole or not at all, and lets go of the claims. There is
// one outcome for each snapshot in the same order. Repos of one call share a transaction while that goes well; when
// something in their data is refused, each is written in its own, so that only the culprit fails. An error means that the
// database does not do its work; nothing of the call is then known to be written.
func (r *Run) Apply(ctx context.Context, snaps []registry.Snapshot, opt ApplyOptions) ([]registry.RepoSync, error) {
	results, err := r.applyTogether(ctx, snaps, opt)
	switch {
	case err == nil:
		return results, r.settle(ctx, results)
	case !concernsData(err):
		return nil, databaseError("apply snapshots", err)
	case len(snaps) == 1:
		return r.refused(ctx, snaps[0], err)
	}
	results = make([]registry.RepoSync, 0, len(snaps))
	for i := range snaps {
		one, err := r.Apply(ctx, snaps[i:i+1], opt)
		if err != nil {
			return nil, err
		}
		results = append(results, one...)
	}
	return results, nil
}

// settle lets go of the claims and lists the repos that turned out to be another run's.
func (r *Run) settle(ctx context.Context, results []registry.RepoSync) error {
	var lost []registry.RepoSync
	repos := make([]registry.Repo, len(results))
	for i := range results {
		repos[i] = results[i].Repo
		if results[i].Status == registry.RepoLocked {
			lost = append(lost, results[i])
		}
	}
	r.release(ctx, repos)
	return r.Record(ctx, lost)
}

// refused records a repo whose data the database does not take.
func (r *Run) refused(ctx context.Context, snap registry.Snapshot, cause error) ([]registry.RepoSync, error) {
	result := registry.RepoSync{
		Repo: snap.Repo, Status: registry.RepoFailed, StartedAt: snap.StartedAt, FinishedAt: snap.FinishedAt, Walks: snap.Walks,
		Pages: snap.Pages, TotalCount: snap.TotalCount, Seen: len(snap.Images), Rejected: snap.RejectedTotal,
		Error: fmt.Sprintf("apply snapshot of %q: %v", snap.Repo.Key.Name, cause),
	}
	results := []registry.RepoSync{result}
	return results, r.Record(ctx, results)
}

func (r *Run) applyTogether(ctx context.Context, snaps []registry.Snapshot, opt ApplyOptions) (results []registry.RepoSync, err error) {
	err = r.transact(ctx, pgx.TxOptions{BeginQuery: beginApply}, func(tx pgx.Tx) error {
		results, err = r.write(ctx, tx, snaps, opt)
		return err
	})
	return results, err
}

// beginApply begins the transaction. Its statements are short and many; compiling one takes longer than running it. Each asks
// for a few rows of tables that may have been empty a moment ago, so the server must not guess that reading all is cheaper.
const beginApply = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL jit = off; SET LOCAL enable_seqscan = off"

// write is the body of the transaction.
func (r *Run) write(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot, opt ApplyOptions) ([]registry.RepoSync, error) {
	looks, err := r.lockLooks(ctx, tx, snaps, opt)
	if err != nil {
		return nil, err
	}
	var mine []*look
	var moments []time.Time
	for _, l := range looks {
		if l != nil {
			mine, moments = append(mine, l), append(moments, l.at)
		}
	}
	if err := r.needMonths(ctx, tx, moments); err != nil {
		return nil, err
	}
	if err := writeLooks(ctx, tx, mine, &changes{}); err != nil {
		return nil, err
	}
	results := make([]registry.RepoSync, len(snaps))
	for i, l := range looks {
		if l == nil {
			results[i] = lostClaim(&snaps[i])
			continue
		}
		results[i] = l.result()
	}
	if len(mine) == 0 {
		return results, nil
	}
	batch := &pgx.Batch{}
	queueRepoUpdates(batch, mine)
	queueRepoDays(batch, mine)
	queueLooks(batch, r.id, mine)
	return results, tx.SendBatch(ctx, batch).Close()
}

// errNoTime is a snapshot without a moment; it would be written before everything that is known.
var errNoTime = errors.New("snapshot has no finishing time")

// lockLooks locks the rows of the repos and takes from them what a look needs to know; nil for a repo that is not claimed, or
// that another run has looked at since.
func (r *Run) lockLooks(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot, opt ApplyOptions) ([]*look, error) {
	at := make(map[int64]int, len(snaps))
	ids := make([]int64, 0, len(snaps))
	claims, err := r.claimsOf(ctx, tx, snaps)
	if err != nil {
		return nil, err
	}
	for i, c := range claims {
		if c != nil {
			ids = append(ids, c.id)
			at[c.id] = i
		}
		if snaps[i].FinishedAt.IsZero() {
			return nil, errNoTime
		}
	}
	rows, err := tx.Query(ctx, `
-- name: LockLooks
SELECT repo_id, next_image, last_look_at, last_archived_at, last_complete_at, held_since, gone_at
FROM syncer.repos
WHERE repo_id = ANY ($1)
ORDER BY repo_id
FOR NO KEY UPDATE`, ids)
	if err != nil {
		return nil, err
	}
	looks := make([]*look, len(snaps))
	var l look
	var archived *time.Time
	_, err = pgx.ForEachRow(rows, []any{&l.repoID, &l.nextImage, &l.lastLook, &archived, &l.complete, &l.heldSince, &l.goneAt}, func() error {
		i := at[l.repoID]
		delete(at, l.repoID)
		if found := l; r.dry || sameMoment(found.lastLook, claims[i].lastLook) {
			found.snap = &snaps[i]
			found.release = opt.AllowMassDelete != nil && opt.AllowMassDelete(snaps[i].Repo.Key)
			found.at = after(snaps[i].FinishedAt, found.lastLook, archived)
			looks[i] = &found
		}
		l, archived = look{}, nil
		return nil
	})
	for _, i := range at { // claimed, and there is no row
		return nil, cmp.Or(err, errNoRow(snaps[i].Repo))
	}
	return looks, err
}

// errNoRow is an error of the database, and no other run's doing: the repo's row was made, or found, a moment ago.
func errNoRow(repo registry.Repo) error {
	return fmt.Errorf("the row of repo %s is not in syncer.repos any more", repo.Key)
}

func (r *Run) claimsOf(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot) ([]*claimed, error) {
	if r.dry {
		return r.unclaimed(ctx, tx, snaps)
	}
	return r.claims(snaps), nil
}

// after is the moment of a look: when it ended, but always later than every look before, also when a clock was set back.
// PostgreSQL keeps microseconds.
func after(t time.Time, before ...*time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	for _, b := range before {
		if b != nil && !t.After(*b) {
			t = b.Add(time.Microsecond).UTC()
		}
	}
	return t
}

func lostClaim(s *registry.Snapshot) registry.RepoSync {
	return registry.RepoSync{
		Repo: s.Repo, Status: registry.RepoLocked, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, Walks: s.Walks, Pages: s.Pages,
		TotalCount: s.TotalCount, Seen: len(s.Images), Rejected: s.RejectedTotal, Error: "another run took the repo over",
	}
}
