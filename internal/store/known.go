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

// imageColumns are the columns of an image in the order of scan and of the positions below.
const imageColumns = `image_id, name, pull_count, kind, count_before, observed_at, generation, latest_tag, create_time_raw,
    created_at, update_time_raw, updated_at, first_seen_at, absent_at, last_seen_at, last_counted_at, last_pulled_at,
    absence, missing_since, deleted_at`

// Positions of the columns that tell whether anything about an image changed.
const (
	colID, colName, colCount, colKind  = 0, 1, 2, 3
	colTag, colCreateRaw, colUpdateRaw = 7, 8, 10
	colLastSeen, colLastCounted        = 14, 15
	colAbsence, colDeleted             = 17, 19
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

// unchanged tells from the wire form of a row that seeing it as img changes nothing. It allocates nothing: an hourly run
// over a million images that nobody pulled should cost what reading them costs.
func unchanged(raw [][]byte, img *registry.Image) bool {
	return img.Counted && len(raw[colCount]) == 8 && int64(binary.BigEndian.Uint64(raw[colCount])) == img.PullCount &&
		!isSuspect(raw[colKind]) &&
		string(raw[colTag]) == img.LatestTag &&
		sameText(raw[colCreateRaw], img.Created.Raw) && sameText(raw[colUpdateRaw], img.Updated.Raw) &&
		raw[colLastSeen] == nil && raw[colLastCounted] == nil &&
		len(raw[colAbsence]) == 2 && binary.BigEndian.Uint16(raw[colAbsence]) == 0
}

func isSuspect(raw []byte) bool {
	return len(raw) != 2 || pulls.Kind(binary.BigEndian.Uint16(raw)) == pulls.Suspect
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
