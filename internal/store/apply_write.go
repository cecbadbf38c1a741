package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// changes is what looks add up to write.
type changes struct {
	rewrites
	rises   []rise
	dayAdds []imageDay // later rows of an image on a day that has one
}

// rise is a count that rose, of an image about which nothing else is in doubt.
type rise struct {
	image     int64
	count     int64
	kind      int16
	at        time.Time
	updateRaw *string // NULL: as before
	updated   *time.Time
}

var riseTable = &table[rise]{"images", 1, []column[rise]{
	col("image_id", "bigint", func(r *rise) *int64 { return &r.image }),
	col("pull_count", "bigint", func(r *rise) *int64 { return &r.count }),
	col("kind", "smallint", func(r *rise) *int16 { return &r.kind }),
	col("at", "timestamptz", func(r *rise) *time.Time { return &r.at }),
	col("update_time_raw", "text", func(r *rise) **string { return &r.updateRaw }),
	col("updated_at", "timestamptz", func(r *rise) **time.Time { return &r.updated }),
}}

// flushAt writes what has been gathered once it is at least n rows.
func (c *changes) flushAt(ctx context.Context, tx pgx.Tx, n int) error {
	if c.len()+len(c.rises) < n {
		return nil
	}
	b := &pgx.Batch{}
	queueRises(b, c.rises)
	queueDayAdds(b, c.dayAdds)
	if err := c.flush(ctx, tx, b); err != nil {
		return err
	}
	c.rises, c.dayAdds = c.rises[:0], c.dayAdds[:0]
	return nil
}

func queueRises(b *pgx.Batch, list []rise) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: RaiseCounts
UPDATE syncer.images t SET
    pull_count = u.pull_count, kind = u.kind, observed_at = u.at, last_pulled_at = u.at,
    update_time_raw = COALESCE(u.update_time_raw, t.update_time_raw),
    updated_at = CASE WHEN u.update_time_raw IS NULL THEN t.updated_at ELSE u.updated_at END,
    update_read_at = CASE WHEN u.update_time_raw IS NULL THEN t.update_read_at END
FROM `+riseTable.unnest(1)+`
WHERE `+riseTable.onKey(), riseTable.arrays(list)...)
}

// queueDayAdds adds to rows of the roll-up that are known to be there. Looks of one call may lie on two sides of midnight.
func queueDayAdds(b *pgx.Batch, list []imageDay) {
	if len(list) == 0 {
		return
	}
	order := func(a, b imageDay) int { return byDay(&a, &b) }
	b.Queue(`
-- name: AddToImageDays
UPDATE syncer.image_days t SET
    pulls = CASE WHEN u.pulls IS NULL THEN t.pulls ELSE syncer.capped(COALESCE(t.pulls, 0)::numeric + u.pulls) END,
    pull_count = u.pull_count, resets = t.resets + u.resets
FROM `+imageDayTable.unnest(3)+`
WHERE `+imageDayTable.onKey()+`
  AND t.day BETWEEN $1 AND $2 -- leaves the other months out`,
		append([]any{slices.MinFunc(list, order).Day, slices.MaxFunc(list, order).Day}, imageDayTable.arrays(list)...)...)
}
