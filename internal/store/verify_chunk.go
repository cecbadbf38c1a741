package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// chunk verifies the images of an id range (after, last]: their roll-up is loaded, then their history streams past.
func (v *verifier) chunk(ctx context.Context, tx pgx.Tx, list []image, after, last int64) error {
	byID := make(map[int64]*image, len(list))
	for i := range list {
		byID[list[i].ID] = &list[i]
	}
	stored, err := v.loadDays(ctx, tx, byID, after, last)
	if err != nil {
		return err
	}
	var fixes fixes
	rows, err := tx.Query(ctx, `
-- name: VerifyHistory
SELECT image_id, observed_at, since, pull_count, pulls, generation, kind
FROM syncer.history WHERE image_id > $1 AND image_id <= $2 ORDER BY image_id, observed_at`, after, last)
	if err != nil {
		return err
	}
	var h historyRow
	var current []historyRow
	next := 0 // images before it are done
	finish := func(before int64) {
		for ; next < len(list) && list[next].ID < before; next++ {
			of := current
			if len(current) > 0 && current[0].image != list[next].ID {
				of = nil
			}
			v.image(&list[next], of, stored[list[next].ID], &fixes)
		}
	}
	_, err = pgx.ForEachRow(rows, []any{&h.image, &h.observedAt, &h.since, &h.count, &h.pulls, &h.generation, &h.kind}, func() error {
		v.rows++
		if len(current) > 0 && current[0].image != h.image {
			finish(h.image)
			current = current[:0]
		}
		if byID[h.image] == nil {
			v.differ(nil, "history.image_id", h.observedAt, h.image, "no such image", false)
			return nil
		}
		current = append(current, h)
		h.since, h.pulls = nil, nil // the next row gets pointers of its own
		return nil
	})
	if err != nil {
		return err
	}
	finish(last + 1)
	v.images += int64(len(list))
	if v.repair {
		return fixes.write(ctx, tx)
	}
	return nil
}

func (v *verifier) loadDays(ctx context.Context, tx pgx.Tx, byID map[int64]*image, after, last int64) (map[int64][]dayRow, error) {
	rows, err := tx.Query(ctx, `
-- name: VerifyImageDays
SELECT image_id, day, pulls, pull_count, resets FROM syncer.image_days
WHERE image_id > $1 AND image_id <= $2 AND day >= $3 ORDER BY image_id, day`, after, last, dayOf(v.horizon))
	if err != nil {
		return nil, err
	}
	days := make(map[int64][]dayRow, len(byID))
	var d dayRow
	_, err = pgx.ForEachRow(rows, []any{&d.image, &d.day, &d.pulls, &d.count, &d.resets}, func() error {
		if byID[d.image] == nil {
			v.differ(nil, "image_days.image_id", d.day, d.image, "no such image", false)
			return nil
		}
		days[d.image] = append(days[d.image], d)
		d.pulls = nil
		return nil
	})
	return days, err
}

// image verifies one image.
func (v *verifier) image(m *image, rows []historyRow, stored []dayRow, f *fixes) {
	d := &derivation{image: m, rows: rows, horizon: v.horizon}
	d.report = func(what string, at time.Time, stored, derived any, mendable bool) {
		v.differ(m, what, at, stored, derived, mendable)
	}
	d.run()
	f.rows = append(f.rows, d.fixRows...)
	want, differs := d.current()
	if differs {
		f.images = append(f.images, want)
	}
	v.compareDays(m, stored, d.days, f)
	for _, day := range d.days {
		v.days[day.day] = addCapped(v.days[day.day], value(day.pulls))
	}
	if m.DeletedAt == nil {
		v.live++
		v.sum = addCapped(v.sum, value(want.PullCount))
	}
}

// compareDays compares two lists of an image's days, both in order.
func (v *verifier) compareDays(m *image, stored, want []dayRow, f *fixes) {
	for len(stored) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(stored) > 0 && stored[0].day.Before(want[0].day):
			v.differ(m, "image_days.day", stored[0].day, "a row", "no row", true)
			f.extraDays = append(f.extraDays, stored[0])
			stored = stored[1:]
		case len(stored) == 0 || want[0].day.Before(stored[0].day):
			v.differ(m, "image_days.day", want[0].day, "no row", "a row", true)
			f.days = append(f.days, want[0])
			want = want[1:]
		default:
			if v.compareDay(m, &stored[0], &want[0]) {
				f.days = append(f.days, want[0])
			}
			stored, want = stored[1:], want[1:]
		}
	}
}

func (v *verifier) compareDay(m *image, stored, want *dayRow) (differs bool) {
	check := func(what string, same bool, a, b any) {
		if !same {
			v.differ(m, what, want.day, a, b, true)
			differs = true
		}
	}
	check("image_days.pulls", equal(stored.pulls, want.pulls), show(stored.pulls), show(want.pulls))
	check("image_days.pull_count", stored.count == want.count, stored.count, want.count)
	check("image_days.resets", stored.resets == want.resets, stored.resets, want.resets)
	return differs
}
