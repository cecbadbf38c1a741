package store

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pulls"
)

// streamed is a row of the stream that an import folds: an observation of the import, or a row of the history as it stands.
type streamed struct {
	image, at, count int64
	isHistory        bool
	facts            facts     // of an observation
	stored           mergedRow // of a row of the history
	next             int64     // since of the row after it; never for the last
}

// mergedRow is a row of the history, but for its image.
type mergedRow struct {
	at, since, count, pulls int64
	counted                 bool // pulls are known
	generation              int32
	kind                    pulls.Kind
	packed                  []byte
}

// same compares what people see of a row.
func (r *mergedRow) same(o *mergedRow) bool {
	return r.since == o.since && r.count == o.count && r.pulls == o.pulls && r.counted == o.counted && r.generation == o.generation &&
		r.kind == o.kind
}

// streamBatch is how many rows travel together from the connection to the fold.
const streamBatch = 2048

// stream is the ordered union of what was observed and what the history holds of the same images.
type stream struct {
	batches chan []streamed
	err     error // once batches is closed
	cancel  context.CancelFunc
}

// openStream begins to read in a goroutine of its own, so that sorting there and writing here go on at the same time.
func (im *importer) openStream(ctx context.Context) (*stream, error) {
	const history = `
UNION ALL
SELECT h.image_id, h.observed_at, 0::smallint, h.pull_count, NULL, NULL, NULL, NULL, NULL, NULL, h.since, h.pulls, h.generation, h.kind,
       h.archived, LEAD(h.since) OVER (PARTITION BY h.image_id ORDER BY h.observed_at)
FROM syncer.history h
WHERE h.image_id IN (SELECT image_id FROM import_ids WHERE known)`
	sql := `
-- name: StreamSights
SELECT d.image_id, s.at, 1::smallint, s.pull_count, s.tag, s.created, s.updated, s.absent, s.missing, s.deleted, NULL::timestamptz, NULL::bigint,
       NULL::integer, NULL::smallint, NULL::bytea, NULL::timestamptz
FROM import_sights s
JOIN import_ids d USING (ref)`
	var known bool
	if err := im.read.QueryRow(ctx, "-- name: AnyKnown\nSELECT EXISTS (SELECT FROM import_ids WHERE known)").Scan(&known); err != nil {
		return nil, err
	}
	if known {
		sql += history
	}
	ctx, cancel := context.WithCancel(ctx)
	rows, err := im.read.Query(ctx, sql+"\nORDER BY 1, 2, 3") //nolint:sqlclosecheck // pump closes them
	if err != nil {
		cancel()
		return nil, err
	}
	st := &stream{batches: make(chan []streamed, 4), cancel: cancel}
	go st.pump(ctx, rows)
	return st, nil
}

// close ends the stream, read to its end or not, and waits for its connection to be free.
func (st *stream) close() {
	st.cancel()
	for range st.batches {
	}
}

func (st *stream) pump(ctx context.Context, rows pgx.Rows) {
	defer close(st.batches)
	defer rows.Close()
	var d decoder
	batch := make([]streamed, 0, streamBatch)
	for rows.Next() {
		batch = append(batch, d.row(rows.RawValues()))
		if len(batch) < streamBatch {
			continue
		}
		select {
		case st.batches <- batch:
			batch = make([]streamed, 0, streamBatch)
		case <-ctx.Done():
			st.err = ctx.Err()
			return
		}
	}
	if st.err = rows.Err(); st.err != nil || len(batch) == 0 {
		return
	}
	select {
	case st.batches <- batch:
	case <-ctx.Done():
		st.err = ctx.Err()
	}
}

// decoder takes rows off the wire. Texts that repeat, as most do, are allocated once.
type decoder struct{ tag, created, updated string }

func (d *decoder) row(raw [][]byte) streamed {
	r := streamed{image: int64Of(raw[0]), at: int64Of(raw[1]), count: int64Of(raw[3]), next: never, facts: noFacts}
	if binary.BigEndian.Uint16(raw[2]) == 0 {
		r.isHistory = true
		s := &r.stored
		s.at, s.count, s.since = r.at, r.count, optionalInt(raw[10])
		if s.counted = raw[11] != nil; s.counted {
			s.pulls = int64Of(raw[11])
		}
		s.generation, s.kind = int32(binary.BigEndian.Uint32(raw[12])), pulls.Kind(binary.BigEndian.Uint16(raw[13]))
		if raw[14] != nil {
			s.packed = append(make([]byte, 0, len(raw[14])), raw[14]...)
		}
		r.next = optionalInt(raw[15])
		return r
	}
	r.facts.tag, r.facts.created, r.facts.updated = again(&d.tag, raw[4]), again(&d.created, raw[5]), again(&d.updated, raw[6])
	r.facts.absent, r.facts.missing, r.facts.deleted = optionalInt(raw[7]), optionalInt(raw[8]), optionalInt(raw[9])
	return r
}

// again is the text of raw, and the last one where it is the same.
func again(last *string, raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if *last != string(raw) {
		*last = string(raw)
	}
	return *last
}

func optionalInt(raw []byte) int64 {
	if raw == nil {
		return never
	}
	return int64Of(raw)
}
