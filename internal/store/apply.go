package store

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

const (
	// chunk bounds how many images of a big repo are in memory beside its snapshot while it is written.
	chunk = 20_000
	// attempts of a transaction that met a deadlock or serialization failure.
	attempts = 3
)

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
	if err := r.partitionsFor(ctx, snaps); err != nil {
		return nil, err
	}
	results, err := r.applyTogether(ctx, snaps, opt)
	if err == nil {
		return results, nil
	}
	if len(snaps) == 1 && concernsData(err) {
		return r.refused(ctx, snaps[0], err)
	}
	if len(snaps) == 1 || !concernsData(err) {
		return nil, databaseError("apply snapshots", err)
	}
	results = results[:0]
	for i := range snaps {
		one, err := r.Apply(ctx, snaps[i:i+1], opt)
		if err != nil {
			return nil, err
		}
		results = append(results, one...)
	}
	return results, nil
}

// refused records a repo whose data the database does not take.
func (r *Run) refused(ctx context.Context, snap registry.Snapshot, cause error) ([]registry.RepoSync, error) {
	result := registry.RepoSync{
		Repo: snap.Repo, Status: registry.RepoFailed, StartedAt: snap.StartedAt, FinishedAt: snap.FinishedAt, Walks: snap.Walks,
		Pages: snap.Pages, TotalCount: snap.TotalCount, Seen: len(snap.Images), Rejected: len(snap.Rejected),
		Error: fmt.Sprintf("apply snapshot of %q: %v", snap.Repo.Key.Name, cause),
	}
	results := []registry.RepoSync{result}
	return results, r.Record(ctx, results)
}

func (r *Run) partitionsFor(ctx context.Context, snaps []registry.Snapshot) error {
	first, last := snaps[0].FinishedAt, snaps[0].FinishedAt
	for _, s := range snaps {
		if s.FinishedAt.Before(first) {
			first = s.FinishedAt
		}
		if s.FinishedAt.After(last) {
			last = s.FinishedAt
		}
	}
	return r.store.makePartitions(ctx, first, last)
}

func (r *Run) applyTogether(ctx context.Context, snaps []registry.Snapshot, opt ApplyOptions) (results []registry.RepoSync, err error) {
	for range attempts {
		err = pgx.BeginFunc(ctx, r.store.pool, func(tx pgx.Tx) error {
			results, err = r.write(ctx, tx, snaps, opt)
			return err
		})
		if err == nil || !worthRetrying(err) {
			return results, err
		}
	}
	return results, err
}

// write is the body of the transaction.
func (r *Run) write(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot, opt ApplyOptions) ([]registry.RepoSync, error) {
	looks, err := r.lockLooks(ctx, tx, snaps, opt)
	if err != nil {
		return nil, err
	}
	var mine []*look
	for _, l := range looks {
		if l != nil {
			mine = append(mine, l)
		}
	}
	if err := writeLooks(ctx, tx, mine, &changes{}); err != nil {
		return nil, err
	}
	results := make([]registry.RepoSync, len(snaps))
	for i, l := range looks {
		if l == nil {
			results[i] = lostClaim(&snaps[i])
		} else {
			results[i] = l.result()
		}
	}
	batch := &pgx.Batch{}
	queueRepoUpdates(batch, mine)
	queueRepoDays(batch, mine)
	queueRepoSyncs(batch, r.id, r.repoIDs(results), results)
	return results, tx.SendBatch(ctx, batch).Close()
}

// errNoTime is a snapshot without a moment; it would be written before everything that is known.
var errNoTime = errors.New("snapshot has no finishing time")

// lockLooks locks the rows of the repos and takes from them what a look needs to know; nil for a repo that another run took
// over after this one lost its lock.
func (r *Run) lockLooks(ctx context.Context, tx pgx.Tx, snaps []registry.Snapshot, opt ApplyOptions) ([]*look, error) {
	at := make(map[int64]int, len(snaps))
	ids := make([]int64, len(snaps))
	r.mu.Lock()
	for i := range snaps {
		ids[i] = r.repos[snaps[i].Repo.Key]
		at[ids[i]] = i
	}
	r.mu.Unlock()
	rows, err := tx.Query(ctx, `
-- name: LockLooks
SELECT repo_id, next_image, last_look_at, last_complete_at, held_since, gone_at
FROM syncer.repos
WHERE repo_id = ANY ($1) AND claimed_by = $2
ORDER BY repo_id
FOR NO KEY UPDATE`, ids, r.id)
	if err != nil {
		return nil, err
	}
	looks := make([]*look, len(snaps))
	var l look
	_, err = pgx.ForEachRow(rows, []any{&l.repoID, &l.nextImage, &l.lastLook, &l.complete, &l.heldSince, &l.goneAt}, func() error {
		i := at[l.repoID]
		found := l
		found.snap = &snaps[i]
		found.release = opt.AllowMassDelete != nil && opt.AllowMassDelete(snaps[i].Repo.Key)
		if snaps[i].FinishedAt.IsZero() {
			return errNoTime
		}
		found.at = after(snaps[i].FinishedAt, found.lastLook)
		looks[i] = &found
		l = look{}
		return nil
	})
	return looks, err
}

// after is the moment of a look: when it ended, but always later than the look before, also when a clock was set back.
// PostgreSQL keeps microseconds.
func after(t time.Time, before *time.Time) time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	if before != nil && !t.After(*before) {
		t = before.Add(time.Microsecond).UTC()
	}
	return t
}

func lostClaim(s *registry.Snapshot) registry.RepoSync {
	return registry.RepoSync{
		Repo: s.Repo, Status: registry.RepoLocked, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, Walks: s.Walks, Pages: s.Pages,
		TotalCount: s.TotalCount, Seen: len(s.Images), Rejected: len(s.Rejected), Error: "another run took the repo over",
	}
}

// writeLooks compares the snapshots with what is known and writes the difference.
func writeLooks(ctx context.Context, tx pgx.Tx, looks []*look, c *changes) error {
	sort.Slice(looks, func(i, j int) bool { return looks[i].repoID < looks[j].repoID })
	if err := compareKnown(ctx, tx, looks, c); err != nil {
		return err
	}
	for _, l := range looks {
		l.judge(c)
		for _, m := range l.unseen {
			l.miss(c, m)
			if err := c.flushAt(ctx, tx, chunk); err != nil {
				return err
			}
		}
		for i, found := range l.found {
			if found {
				continue
			}
			l.add(c, &l.snap.Images[i])
			if err := c.flushAt(ctx, tx, chunk); err != nil {
				return err
			}
		}
	}
	return c.flushAt(ctx, tx, 1)
}

// compareKnown walks through the known images of the repos in the order of their ids, a chunk of a big repo at a time.
func compareKnown(ctx context.Context, tx pgx.Tx, looks []*look, c *changes) error {
	byRepo := make(map[int64]*look, len(looks))
	ids := make([]int64, len(looks))
	for i, l := range looks {
		l.index()
		byRepo[l.repoID], ids[i] = l, l.repoID
	}
	// The images of many small repos come in one answer: they are few, or their snapshots would not be applied together.
	limit := int64(chunk)
	if len(looks) > 1 {
		limit = 1 << 40
	}
	for last := int64(0); ; {
		rows, err := tx.Query(ctx, `
-- name: KnownImages
SELECT i.*
FROM unnest($1::bigint[]) AS r (repo_id)
CROSS JOIN LATERAL (
    SELECT `+imageColumns+`
    FROM syncer.images
    -- A repo is a range of ids: an index scan whatever the statistics say.
    WHERE image_id > GREATEST(r.repo_id << 32, $2) AND image_id < (r.repo_id + 1) << 32
    ORDER BY image_id
    LIMIT $3
) i`, ids, last, limit)
		if err != nil {
			return err
		}
		n := int64(0)
		for rows.Next() {
			n++
			if last, err = compareRow(rows, byRepo, c); err != nil {
				rows.Close()
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if err := c.flushAt(ctx, tx, chunk/2); err != nil {
			return err
		}
		if n < limit {
			return nil
		}
	}
}

// compareRow looks a known image up in the snapshot of its repo.
func compareRow(rows pgx.Rows, byRepo map[int64]*look, c *changes) (id int64, err error) {
	raw := rows.RawValues()
	id = int64Of(raw[colID])
	l := byRepo[id>>32]
	i, ok := l.seen[string(raw[colName])]
	if ok {
		l.found[i] = true
		if unchanged(raw, &l.snap.Images[i]) {
			l.live++
			l.liveSum = addCapped(l.liveSum, l.snap.Images[i].PullCount)
			return id, nil
		}
	}
	if !ok && raw[colDeleted] != nil {
		return id, nil // stays deleted
	}
	var m image
	if err := m.scan(rows); err != nil {
		return id, fmt.Errorf("read known image %d: %w", id, err)
	}
	if ok {
		l.see(c, m, &l.snap.Images[i])
	} else {
		l.unseen = append(l.unseen, m)
	}
	return id, nil
}
