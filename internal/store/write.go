package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// flushAt writes what has been gathered once it is at least n images.
func (c *changes) flushAt(ctx context.Context, tx pgx.Tx, n int) error {
	if len(c.inserts)+len(c.updates)+len(c.moves) < n && (n > 1 || len(c.events) == 0) {
		return nil
	}
	if err := c.flush(ctx, tx); err != nil {
		return err
	}
	c.inserts, c.updates, c.history = c.inserts[:0], c.updates[:0], c.history[:0]
	c.moves = c.moves[:0]
	c.days, c.dayAdds, c.events = c.days[:0], c.dayAdds[:0], c.events[:0]
	return nil
}

func (c *changes) flush(ctx context.Context, tx pgx.Tx) error {
	batch := &pgx.Batch{}
	queueUpdates(batch, c.updates)
	queueMoves(batch, c.moves)
	queueDayAdds(batch, c.dayAdds)
	if batch.Len() > 0 {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
	}
	if err := copyRows(ctx, tx, "images", insertColumns, c.inserts, insertValues); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "history", historyColumns, c.history, historyValues); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "image_days", dayColumns, c.days, dayValues); err != nil {
		return err
	}
	return copyRows(ctx, tx, "events", eventColumns, c.events, eventValues)
}

var (
	insertColumns = []string{"image_id", "repo_id", "name", "pull_count", "kind", "count_before", "observed_at", "generation",
		"latest_tag", "create_time_raw", "created_at", "update_time_raw", "updated_at", "first_seen_at", "absent_at", "last_pulled_at"}
	historyColumns = []string{"image_id", "observed_at", "since", "pull_count", "pulls", "generation", "kind"}
	dayColumns     = []string{"image_id", "day", "pulls", "pull_count", "resets"}
	eventColumns   = []string{"at", "repo_id", "image_id", "event", "old_value", "new_value"}
)

func insertValues(m *image) []any {
	return []any{m.ID, m.ID >> 32, m.Name, m.PullCount, m.Kind, m.CountBefore, m.ObservedAt, m.Generation,
		m.LatestTag, m.CreateTimeRaw, m.CreatedAt, m.UpdateTimeRaw, m.UpdatedAt, m.FirstSeenAt, m.AbsentAt, m.LastPulledAt}
}

func historyValues(h *historyRow) []any {
	return []any{h.image, h.observedAt, h.since, h.count, h.pulls, h.generation, int16(h.kind)}
}

func dayValues(d *dayRow) []any { return []any{d.image, d.day, d.pulls, d.count, d.resets} }

func eventValues(e *eventRow) []any { return []any{e.at, e.repo, e.image, e.event, e.old, e.new} }

func copyRows[T any](ctx context.Context, tx pgx.Tx, table string, columns []string, list []T, values func(*T) []any) error {
	if len(list) == 0 {
		return nil
	}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"syncer", table}, columns,
		pgx.CopyFromSlice(len(list), func(i int) ([]any, error) { return values(&list[i]), nil }))
	return err
}

// column gathers one field of all rows for unnest.
func column[T, V any](list []T, field func(*T) V) pgtype.FlatArray[V] {
	values := make(pgtype.FlatArray[V], len(list))
	for i := range list {
		values[i] = field(&list[i])
	}
	return values
}

func queueUpdates(b *pgx.Batch, list []image) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: UpdateImages
UPDATE syncer.images i SET
    pull_count = u.pull_count, kind = u.kind, count_before = u.count_before, observed_at = u.observed_at,
    generation = u.generation, latest_tag = u.latest_tag, create_time_raw = u.create_time_raw, created_at = u.created_at,
    update_time_raw = u.update_time_raw, updated_at = u.updated_at, last_seen_at = u.last_seen_at,
    last_counted_at = u.last_counted_at, last_pulled_at = u.last_pulled_at, absence = u.absence,
    missing_since = u.missing_since, deleted_at = u.deleted_at
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::timestamptz[], $6::integer[], $7::text[], $8::text[],
            $9::timestamptz[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
            $15::smallint[], $16::timestamptz[], $17::timestamptz[])
    AS u (image_id, pull_count, kind, count_before, observed_at, generation, latest_tag, create_time_raw, created_at,
          update_time_raw, updated_at, last_seen_at, last_counted_at, last_pulled_at, absence, missing_since, deleted_at)
WHERE i.image_id = u.image_id`,
		column(list, func(m *image) int64 { return m.ID }),
		column(list, func(m *image) *int64 { return m.PullCount }),
		column(list, func(m *image) *int16 { return m.Kind }),
		column(list, func(m *image) *int64 { return m.CountBefore }),
		column(list, func(m *image) *time.Time { return m.ObservedAt }),
		column(list, func(m *image) int32 { return m.Generation }),
		column(list, func(m *image) *string { return m.LatestTag }),
		column(list, func(m *image) *string { return m.CreateTimeRaw }),
		column(list, func(m *image) *time.Time { return m.CreatedAt }),
		column(list, func(m *image) *string { return m.UpdateTimeRaw }),
		column(list, func(m *image) *time.Time { return m.UpdatedAt }),
		column(list, func(m *image) *time.Time { return m.LastSeenAt }),
		column(list, func(m *image) *time.Time { return m.LastCountedAt }),
		column(list, func(m *image) *time.Time { return m.LastPulledAt }),
		column(list, func(m *image) int16 { return m.Absence }),
		column(list, func(m *image) *time.Time { return m.MissingSince }),
		column(list, func(m *image) *time.Time { return m.DeletedAt }))
}

func queueMoves(b *pgx.Batch, list []move) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: MoveCounts
UPDATE syncer.images i SET
    pull_count = u.pull_count, kind = u.kind, observed_at = u.at,
    last_pulled_at = CASE WHEN u.kind = 3 THEN u.at ELSE i.last_pulled_at END,
    update_time_raw = COALESCE(u.update_time_raw, i.update_time_raw),
    updated_at = CASE WHEN u.update_time_raw IS NULL THEN i.updated_at ELSE u.updated_at END
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::timestamptz[], $5::text[], $6::timestamptz[])
    AS u (image_id, pull_count, kind, at, update_time_raw, updated_at)
WHERE i.image_id = u.image_id`,
		column(list, func(m *move) int64 { return m.image }),
		column(list, func(m *move) int64 { return m.count }),
		column(list, func(m *move) int16 { return int16(m.kind) }),
		column(list, func(m *move) time.Time { return m.at }),
		column(list, func(m *move) *string { return m.updateRaw }),
		column(list, func(m *move) *time.Time { return m.updated }))
}

// queueDayAdds adds to rows of the roll-up that are known to be there. Looks of one call may lie on two sides of midnight.
func queueDayAdds(b *pgx.Batch, list []dayRow) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: AddToImageDays
UPDATE syncer.image_days d SET
    pulls = CASE WHEN u.pulls IS NULL THEN d.pulls
                 ELSE LEAST(COALESCE(d.pulls, 0)::numeric + u.pulls, 9223372036854775807)::bigint END,
    pull_count = u.pull_count, resets = d.resets + u.resets
FROM unnest($1::bigint[], $2::date[], $3::bigint[], $4::bigint[], $5::integer[]) AS u (image_id, day, pulls, pull_count, resets)
WHERE d.image_id = u.image_id AND d.day = u.day
  AND d.day BETWEEN $6 AND $7 -- leaves the other months out`,
		column(list, func(d *dayRow) int64 { return d.image }),
		column(list, func(d *dayRow) time.Time { return d.day }),
		column(list, func(d *dayRow) *int64 { return d.pulls }),
		column(list, func(d *dayRow) int64 { return d.count }),
		column(list, func(d *dayRow) int32 { return d.resets }),
		slices.MinFunc(list, byDay).day, slices.MaxFunc(list, byDay).day)
}

func byDay(a, b dayRow) int { return a.day.Compare(b.day) }
