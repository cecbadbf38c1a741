package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// importChunk bounds how many changes are gathered before they are written.
const importChunk = 20_000

// importWriter gathers what an import changes.
type importWriter struct {
	im      *importer
	history *copyBuffer
	days    *copyBuffer

	images  []image // new ones
	updates []image
	events  []eventRow
	changed []historyRow
	packed  [][]byte // of changed
	removed []historyRow
	dayRows []dayRow // changed ones
	dayOut  []dayRow // removed ones
}

func newImportWriter(im *importer) *importWriter {
	return &importWriter{
		im:      im,
		history: newCopyBuffer("syncer.history (image_id, observed_at, since, pull_count, pulls, generation, kind, archived)"),
		days:    newCopyBuffer("syncer.image_days (image_id, day, pulls, pull_count, resets)"),
	}
}

func (w *importWriter) addRow(id int64, r *mergedRow) {
	w.im.sum.RowsAdded++
	c := w.history
	c.row(8)
	c.int8(id)
	c.int8(r.at)
	c.known(r.since)
	c.int8(r.count)
	if r.counted {
		c.int8(r.pulls)
	} else {
		c.null()
	}
	c.int4(r.generation)
	c.int2(int16(r.kind))
	c.bytes(r.packed)
}

func (w *importWriter) changeRow(id int64, r *mergedRow) {
	h := historyRow{image: id, observedAt: momentTime(r.at), since: momentPtr(r.since), count: r.count, generation: r.generation, kind: r.kind}
	if r.counted {
		n := r.pulls
		h.pulls = &n
	}
	w.changed = append(w.changed, h)
	var packed []byte
	if r.packed != nil {
		packed = append([]byte{}, r.packed...)
	}
	w.packed = append(w.packed, packed)
}

func (w *importWriter) removeRow(id, at int64) {
	w.im.sum.RowsRemoved++
	w.removed = append(w.removed, historyRow{image: id, observedAt: momentTime(at)})
}

func (w *importWriter) addDay(id int64, d *mergedDay) {
	c := w.days
	c.row(5)
	c.int8(id)
	c.int4(d.day)
	if d.counted {
		c.int8(d.pulls)
	} else {
		c.null()
	}
	c.int8(d.count)
	c.int4(d.resets)
}

func (w *importWriter) changeDay(id int64, d *mergedDay) {
	row := dayRow{image: id, day: dayTime(d.day), count: d.count, resets: d.resets}
	if d.counted {
		n := d.pulls
		row.pulls = &n
	}
	w.dayRows = append(w.dayRows, row)
}

func (w *importWriter) removeDay(id int64, day int32) {
	w.dayOut = append(w.dayOut, dayRow{image: id, day: dayTime(day)})
}

func (w *importWriter) event(m *importImage, at int64, event string, old *string) {
	id := m.ID
	w.events = append(w.events, eventRow{at: momentTime(at), repo: id >> 32, image: &id, event: event, old: old})
}

// flushAt writes once there are n changes.
func (w *importWriter) flushAt(ctx context.Context, n int) error {
	if w.history.rows+w.days.rows+len(w.images)+len(w.updates)+len(w.changed)+len(w.removed)+len(w.dayRows)+len(w.dayOut) < n {
		return nil
	}
	return w.flush(ctx)
}

func (w *importWriter) flush(ctx context.Context) error {
	if !w.im.opt.DryRun {
		if err := w.write(ctx, w.im.write); err != nil {
			return err
		}
	}
	w.history.rows, w.days.rows = 0, 0
	w.images, w.updates, w.events = w.images[:0], w.updates[:0], w.events[:0]
	w.changed, w.packed, w.removed = w.changed[:0], w.packed[:0], w.removed[:0]
	w.dayRows, w.dayOut = w.dayRows[:0], w.dayOut[:0]
	return nil
}

func (w *importWriter) write(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	queueImportUpdates(b, w.updates)
	queueHistoryChanges(b, w.changed, w.packed)
	queueHistoryRemovals(b, w.removed)
	queueDayChanges(b, w.dayRows)
	queueDayRemovals(b, w.dayOut)
	if b.Len() > 0 {
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	if err := copyRows(ctx, tx, "images", importColumns, w.images, importValues); err != nil {
		return err
	}
	if err := copyRows(ctx, tx, "events", eventColumns, w.events, eventValues); err != nil {
		return err
	}
	if err := w.history.flush(ctx, tx); err != nil {
		return err
	}
	return w.days.flush(ctx, tx)
}

var importColumns = append(append([]string{}, insertColumns...), "last_seen_at", "last_counted_at", "absence", "missing_since", "deleted_at")

func importValues(m *image) []any {
	return append(insertValues(m), m.LastSeenAt, m.LastCountedAt, m.Absence, m.MissingSince, m.DeletedAt)
}

func queueImportUpdates(b *pgx.Batch, list []image) {
	if len(list) == 0 {
		return
	}
	queueUpdates(b, list)
	b.Queue(`
-- name: MoveFirstSight
UPDATE syncer.images i SET first_seen_at = u.first_seen_at, absent_at = u.absent_at
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS u (image_id, first_seen_at, absent_at)
WHERE i.image_id = u.image_id
  AND (i.first_seen_at <> u.first_seen_at OR i.absent_at IS DISTINCT FROM u.absent_at)`,
		column(list, func(m *image) int64 { return m.ID }),
		column(list, func(m *image) time.Time { return m.FirstSeenAt }),
		column(list, func(m *image) *time.Time { return m.AbsentAt }))
}

func queueHistoryChanges(b *pgx.Batch, list []historyRow, packed [][]byte) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: ChangeHistory
UPDATE syncer.history h SET
    since = u.since, pull_count = u.pull_count, pulls = u.pulls, generation = u.generation, kind = u.kind, archived = u.archived
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::integer[], $7::smallint[], $8::bytea[])
    AS u (image_id, observed_at, since, pull_count, pulls, generation, kind, archived)
WHERE h.image_id = u.image_id AND h.observed_at = u.observed_at`,
		column(list, func(h *historyRow) int64 { return h.image }),
		column(list, func(h *historyRow) time.Time { return h.observedAt }),
		column(list, func(h *historyRow) *time.Time { return h.since }),
		column(list, func(h *historyRow) int64 { return h.count }),
		column(list, func(h *historyRow) *int64 { return h.pulls }),
		column(list, func(h *historyRow) int32 { return h.generation }),
		column(list, func(h *historyRow) int16 { return int16(h.kind) }),
		packed)
}

func queueHistoryRemovals(b *pgx.Batch, list []historyRow) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: RemoveHistory
DELETE FROM syncer.history h
USING unnest($1::bigint[], $2::timestamptz[]) AS u (image_id, observed_at)
WHERE h.image_id = u.image_id AND h.observed_at = u.observed_at`,
		column(list, func(h *historyRow) int64 { return h.image }),
		column(list, func(h *historyRow) time.Time { return h.observedAt }))
}

func queueDayChanges(b *pgx.Batch, list []dayRow) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: ChangeImageDays
UPDATE syncer.image_days d SET pulls = u.pulls, pull_count = u.pull_count, resets = u.resets
FROM unnest($1::bigint[], $2::date[], $3::bigint[], $4::bigint[], $5::integer[]) AS u (image_id, day, pulls, pull_count, resets)
WHERE d.image_id = u.image_id AND d.day = u.day`,
		column(list, func(d *dayRow) int64 { return d.image }),
		column(list, func(d *dayRow) time.Time { return d.day }),
		column(list, func(d *dayRow) *int64 { return d.pulls }),
		column(list, func(d *dayRow) int64 { return d.count }),
		column(list, func(d *dayRow) int32 { return d.resets }))
}

func queueDayRemovals(b *pgx.Batch, list []dayRow) {
	if len(list) == 0 {
		return
	}
	b.Queue(`
-- name: RemoveImageDays
DELETE FROM syncer.image_days d USING unnest($1::bigint[], $2::date[]) AS u (image_id, day)
WHERE d.image_id = u.image_id AND d.day = u.day`,
		column(list, func(d *dayRow) int64 { return d.image }),
		column(list, func(d *dayRow) time.Time { return d.day }))
}
