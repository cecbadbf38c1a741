package store

import (
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// image is a row of syncer.images. Pointers are NULL-able columns.
type image struct {
	ID            int64
	Name          string
	PullCount     *int64
	Kind          *int16
	CountBefore   *int64
	ObservedAt    *time.Time
	Generation    int32
	LatestTag     *string
	CreateTimeRaw *string
	CreatedAt     *time.Time
	UpdateTimeRaw *string
	UpdatedAt     *time.Time
	FirstSeenAt   time.Time
	AbsentAt      *time.Time
	LastSeenAt    *time.Time
	LastCountedAt *time.Time
	LastPulledAt  *time.Time
	Absence       int16
	MissingSince  *time.Time
	DeletedAt     *time.Time
}

// imageColumns are the columns of an image in the order of scan.
const imageColumns = `image_id, name, pull_count, kind, count_before, observed_at, generation, latest_tag, create_time_raw,
    created_at, update_time_raw, updated_at, first_seen_at, absent_at, last_seen_at, last_counted_at, last_pulled_at,
    absence, missing_since, deleted_at`

// briefColumns are what tells whether anything about an image changed, and what a count that merely moved needs.
const briefColumns = `image_id, name, pull_count, latest_tag, create_time_raw, update_time_raw, kind, generation, observed_at,
    kind IS NOT NULL AND kind <> 5 AND last_seen_at IS NULL AND last_counted_at IS NULL AND absence = 0, deleted_at IS NULL`

// Positions of the brief columns.
const (
	colID = iota
	colName
	colCount
	colTag
	colCreateRaw
	colUpdateRaw
	colKind
	colGeneration
	colObserved
	colSettled // counted and seen by the repo's last look, and nothing in doubt
	colLive
)

func (m *image) scan(row pgx.CollectableRow) error {
	return row.Scan(&m.ID, &m.Name, &m.PullCount, &m.Kind, &m.CountBefore, &m.ObservedAt, &m.Generation, &m.LatestTag,
		&m.CreateTimeRaw, &m.CreatedAt, &m.UpdateTimeRaw, &m.UpdatedAt, &m.FirstSeenAt, &m.AbsentAt, &m.LastSeenAt,
		&m.LastCountedAt, &m.LastPulledAt, &m.Absence, &m.MissingSince, &m.DeletedAt)
}

// state is what pulls needs to know of the image.
func (m *image) state() pulls.State {
	s := pulls.State{Generation: m.Generation, Created: registry.Timestamp{Raw: value(m.CreateTimeRaw), At: value(m.CreatedAt)}}
	if m.Kind != nil {
		s.Kind, s.Count, s.Before = pulls.Kind(*m.Kind), value(m.PullCount), value(m.CountBefore)
	}
	return s
}

// settledAs tells from the wire form of a brief row that of all there is to know about the image, img changes its count and
// UpdateTime at most. It allocates nothing: an hourly run over a million images should cost what reading them costs.
func settledAs(raw [][]byte, img *registry.Image) bool {
	return img.Counted && raw[colSettled][0] != 0 && string(raw[colTag]) == img.LatestTag && sameText(raw[colCreateRaw], img.Created.Raw)
}

// sameText treats a reading that says nothing as no change.
func sameText(raw []byte, now string) bool { return now == "" || string(raw) == now }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// optional is NULL for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func int64Of(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw)) }

// pgEpoch is what PostgreSQL counts microseconds from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func timeOf(raw []byte) time.Time { return pgEpoch.Add(time.Duration(int64Of(raw)) * time.Microsecond) }
