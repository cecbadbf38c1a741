package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// fixes are the derived rows of a chunk that are to be written anew.
type fixes struct {
	rows      []historyRow
	images    []image
	days      []dayRow
	extraDays []dayRow
}

func (f *fixes) write(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	for _, h := range f.rows {
		b.Queue(`
-- name: RepairHistory
UPDATE syncer.history SET since = $3, pulls = $4, kind = $5, generation = $6 WHERE image_id = $1 AND observed_at = $2`,
			h.image, h.observedAt, h.since, h.pulls, int16(h.kind), h.generation)
	}
	queueUpdates(b, f.images)
	for _, d := range f.days {
		b.Queue(`
-- name: RepairImageDay
INSERT INTO syncer.image_days (image_id, day, pulls, pull_count, resets) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (image_id, day) DO UPDATE SET pulls = EXCLUDED.pulls, pull_count = EXCLUDED.pull_count, resets = EXCLUDED.resets`,
			d.image, d.day, d.pulls, d.count, d.resets)
	}
	for _, d := range f.extraDays {
		b.Queue("-- name: RepairExtraImageDay\nDELETE FROM syncer.image_days WHERE image_id = $1 AND day = $2", d.image, d.day)
	}
	return tx.SendBatch(ctx, b).Close()
}

// compareRepo verifies what is kept about the repo as a whole.
func (v *verifier) compareRepo(ctx context.Context, tx pgx.Tx) error {
	var images, sum int64
	if err := tx.QueryRow(ctx, "-- name: VerifyRepo\nSELECT images, pull_count FROM syncer.repos WHERE repo_id = $1", v.repo.id).
		Scan(&images, &sum); err != nil {
		return err
	}
	if images != v.live {
		v.differ(nil, "repos.images", time.Time{}, images, v.live, true)
	}
	if sum != v.sum {
		v.differ(nil, "repos.pull_count", time.Time{}, sum, v.sum, true)
	}
	if v.repair && (images != v.live || sum != v.sum) {
		if _, err := tx.Exec(ctx, "-- name: RepairRepo\nUPDATE syncer.repos SET images = $2, pull_count = $3 WHERE repo_id = $1",
			v.repo.id, v.live, v.sum); err != nil {
			return err
		}
	}
	return v.compareRepoDays(ctx, tx)
}

func (v *verifier) compareRepoDays(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "-- name: VerifyRepoDays\nSELECT day, pulls FROM syncer.repo_days WHERE repo_id = $1 AND day >= $2", v.repo.id, dayOf(v.horizon))
	if err != nil {
		return err
	}
	stored := map[time.Time]int64{}
	var day time.Time
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&day, &n}, func() error {
		stored[day] = n
		return nil
	}); err != nil {
		return err
	}
	for day := range v.days {
		if _, ok := stored[day]; !ok {
			stored[day] = 0
		}
	}
	b := &pgx.Batch{}
	for _, day := range slices.SortedFunc(maps.Keys(stored), time.Time.Compare) {
		if stored[day] == v.days[day] {
			continue
		}
		v.differ(nil, "repo_days.pulls", day, stored[day], v.days[day], true)
		b.Queue(`
-- name: RepairRepoDay
INSERT INTO syncer.repo_days (repo_id, day, looks, complete_looks, images, pulls) VALUES ($1, $2, 0, 0, 0, $3)
ON CONFLICT (repo_id, day) DO UPDATE SET pulls = EXCLUDED.pulls`, v.repo.id, day, v.days[day])
	}
	if !v.repair || b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}
