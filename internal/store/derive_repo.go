package store

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
	"syncer/internal/replay"
)

// repoTally adds up what derived images come to for their repo. Of an import that is by how much things change; of a
// verification, which goes through all images, all there is.
type repoTally struct {
	repoFacts
	horizon horizon
	whole   bool
	pulls   map[time.Time]int64
	full    map[time.Time]bool // days whose sum reached the largest number: a difference says nothing there
	images  map[time.Time]int64
	rises   map[time.Time]int32
}

func openRepo(ctx context.Context, tx pgx.Tx, id int64, h horizon) (*repoTally, error) {
	facts, err := loadRepo(ctx, tx, id, h)
	if err != nil {
		return nil, err
	}
	return &repoTally{
		repoFacts: *facts, horizon: h, pulls: map[time.Time]int64{}, full: map[time.Time]bool{}, images: map[time.Time]int64{},
		rises: map[time.Time]int32{},
	}, nil
}

// shift takes over by how much an image changes.
func (r *repoTally) shift(d *derived, w *rewrite) {
	if !r.whole {
		for i := range d.days {
			r.addPulls(d.days[i].Day, value(d.days[i].Pulls), -1)
		}
		if !d.isNew {
			r.addPresence(value(d.image.FirstSeenAt), d.events, -1)
		}
	}
	for i := range w.wantDays {
		r.addPulls(w.wantDays[i].Day, value(w.wantDays[i].Pulls), 1)
	}
	r.addPresence(value(w.image.FirstSeenAt), w.wantEvents, 1)
}

func (r *repoTally) addPulls(day time.Time, pulls, sign int64) {
	if sum := r.pulls[day]; pulls == math.MaxInt64 || sum > math.MaxInt64-pulls || sum < math.MinInt64+pulls {
		r.full[day] = true
	}
	r.pulls[day] += sign * pulls
	if pulls > 0 {
		r.rises[day] += int32(sign)
	}
}

func (r *repoTally) addPresence(first time.Time, events []event, sign int64) {
	list := make([]replay.Event, len(events))
	for i := range events {
		list[i] = events[i].happened()
	}
	for _, c := range replay.Presence(first, list) {
		r.images[c.Day] += sign * int64(c.Delta)
	}
}

// wantDays are the rows that the repo's days come to, from those that are stored.
func (r *repoTally) wantDays(ctx context.Context, tx pgx.Tx, stored []repoDay) ([]repoDay, error) {
	rows := make(map[time.Time]repoDay, len(stored))
	for _, d := range stored {
		rows[d.Day] = d
	}
	days := map[time.Time]bool{}
	for _, keys := range []iter.Seq[time.Time]{maps.Keys(rows), maps.Keys(r.days), maps.Keys(r.pulls), maps.Keys(r.images)} {
		for day := range keys {
			days[day] = true
		}
	}
	if err := r.recount(ctx, tx); err != nil {
		return nil, err
	}
	var want []repoDay
	var before, shift int64 // images of the day before, as stored; by how much they change until now
	for _, day := range slices.SortedFunc(maps.Keys(days), time.Time.Compare) {
		d, known := rows[day]
		shift += r.images[day]
		if !known {
			d = repoDay{Repo: r.id, Day: day, Images: before}
		}
		before = d.Images
		if d.Images += shift; r.whole {
			d.Images = shift
		}
		if !day.Before(dayOf(r.horizon.looks)) {
			d.Looks, d.CompleteLooks = r.days[day].looks, r.days[day].complete
		}
		r.setPulls(&d)
		if d.Looks > 0 || d.Pulls > 0 || known && day.Before(dayOf(r.horizon.looks)) {
			want = append(want, d)
		}
	}
	return want, nil
}

// setPulls sets what was pulled on a day; that of dropped months stands.
func (r *repoTally) setPulls(d *repoDay) {
	if d.Day.Before(dayOf(r.horizon.history)) {
		return
	}
	if r.whole {
		d.Pulls, d.Rises = 0, 0
	}
	d.Rises += r.rises[d.Day]
	switch pulls := r.pulls[d.Day]; {
	case r.full[d.Day]:
		d.Pulls = pulls
	case pulls < 0 || d.Pulls <= math.MaxInt64-pulls:
		d.Pulls += pulls
	default:
		d.Pulls = math.MaxInt64
	}
}

// recount sums the days anew whose differences say nothing.
func (r *repoTally) recount(ctx context.Context, tx pgx.Tx) error {
	for day := range r.full {
		rows, err := tx.Query(ctx, `
-- name: PullsOfDay
SELECT pulls FROM syncer.image_days WHERE image_id > $1 AND image_id < $2 AND day = $3 AND pulls > 0`, r.id<<32, (r.id+1)<<32, day)
		if err != nil {
			return err
		}
		var pulls, sum int64
		if _, err := pgx.ForEachRow(rows, []any{&pulls}, func() error {
			sum = registry.AddCounts(sum, pulls)
			return nil
		}); err != nil {
			return err
		}
		r.pulls[day] = sum
	}
	return nil
}

func loadRepoDays(ctx context.Context, tx pgx.Tx, id int64) ([]repoDay, error) {
	rows, err := tx.Query(ctx, "-- name: RepoDays\nSELECT "+repoDayTable.names("")+" FROM syncer.repo_days WHERE repo_id = $1 ORDER BY day", id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d repoDay, err error) {
		err = row.Scan(repoDayTable.targets(&d)...)
		return d, err
	})
}

// settle writes the days and sums of a repo of which images were derived again.
func (r *repoTally) settle(ctx context.Context, tx pgx.Tx) error {
	stored, err := loadRepoDays(ctx, tx, r.id)
	if err != nil {
		return err
	}
	want, err := r.wantDays(ctx, tx, stored)
	if err != nil {
		return err
	}
	e := compareRows(repoDayTable, stored, want, byRepoDay)
	if err := repoDayTable.copyIn(ctx, tx, e.add); err != nil {
		return err
	}
	b := &pgx.Batch{}
	repoDayTable.queueEdits(b, &e)
	b.Queue(`
-- name: SumUpRepo
UPDATE syncer.repos r SET images = i.images, pull_count = i.pull_count
FROM (SELECT count(*) AS images, COALESCE(syncer.capped(SUM(pull_count)), 0) AS pull_count
      FROM syncer.images WHERE image_id > $1::bigint << 32 AND image_id < ($1::bigint + 1) << 32 AND deleted_at IS NULL AND first_seen_at IS NOT NULL) i
WHERE r.repo_id = $1`, r.id)
	return tx.SendBatch(ctx, b).Close()
}

func byRepoDay(a, b *repoDay) int { return a.Day.Compare(b.Day) }
