package store

import (
	"context"
	"strconv"
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

var departureTable = &table[departure]{"repos", 1, []column[departure]{
	col("repo_id", "bigint", func(d *departure) *int64 { return &d.id }),
	col("at", "timestamptz", func(d *departure) *time.Time { return &d.at }),
	col("weight", "smallint", func(d *departure) *int16 { return &d.weight }),
	col("most", "smallint", func(d *departure) *int16 { return &d.limit }),
}}

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

// leave adds up the evidence that repos themselves are gone. At repoGone the repo is gone: that is a look at nothing, by which all of
// its images are, and no threshold holds them back, as it is the repo's absence that was seen twice. The rows are locked.
func (r *Run) leave(ctx context.Context, tx pgx.Tx, list []departure) error {
	if len(list) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
-- name: AddRepoAbsence
UPDATE syncer.repos r SET absence = LEAST(r.absence + u.weight, u.most)
FROM `+departureTable.unnest(1)+`
WHERE r.repo_id = u.repo_id AND r.first_seen_at IS NOT NULL AND r.gone_at IS NULL
RETURNING r.repo_id, u.at, r.next_image, r.last_look_at, r.last_archived_at, r.last_complete_at, r.images, r.absence`, departureTable.arrays(list)...)
	if err != nil {
		return err
	}
	var looks []*look
	c := &changes{}
	var l look
	var at time.Time
	var archived *time.Time
	var images int64
	var absence int16
	_, err = pgx.ForEachRow(rows, []any{&l.repoID, &at, &l.nextImage, &l.lastLook, &archived, &l.complete, &images, &absence}, func() error {
		if absence >= repoGone {
			gone := l
			gone.leaving, gone.snap = true, &registry.Snapshot{Evidence: registry.Complete, StartedAt: at}
			gone.at = after(at, l.lastLook, archived)
			looks = append(looks, &gone)
			was := strconv.FormatInt(images, 10)
			c.events.add = append(c.events.add, event{At: gone.at, Repo: gone.repoID, Event: "gone", OldValue: &was})
		}
		l, archived = look{}, nil
		return nil
	})
	if err != nil || len(looks) == 0 {
		return err
	}
	moments := make([]time.Time, len(looks))
	for i := range looks {
		moments[i] = looks[i].at
	}
	if err := r.needMonths(ctx, tx, moments); err != nil {
		return err
	}
	if err := writeLooks(ctx, tx, looks, c); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`
-- name: LeaveRepos
UPDATE syncer.repos r SET images = 0, pull_count = 0, last_look_at = u.at, gone_at = u.at, held_since = NULL
FROM unnest($1::bigint[], $2::timestamptz[]) AS u (repo_id, at)
WHERE r.repo_id = u.repo_id`, each(looks, func(l **look) int64 { return (*l).repoID }),
		each(looks, func(l **look) time.Time { return (*l).at })) // not moments: writing put the looks in another order
	queueRepoDays(b, looks)
	queueLooks(b, r.id, looks)
	return tx.SendBatch(ctx, b).Close()
}
