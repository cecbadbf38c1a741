package store

import (
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
	"syncer/internal/replay"
)

// Rows as PostgreSQL holds them and the values that replay speaks of: NULL here is zero, or not known, there.

// state is what the image's row says; lastLook is that of its repo.
func (m *image) state(lastLook time.Time) replay.State {
	s := replay.State{
		State: pulls.State{
			Count: value(m.PullCount), Believed: value(m.PullCount), FallenAt: value(m.FallenAt), Lowest: value(m.Lowest),
			Generation: m.Generation, Created: value(m.CreatedAt),
		},
		Tag: textOf(m.LatestTag), CreatedRaw: value(m.CreateTimeRaw),
		Updated:     registry.Timestamp{Raw: value(m.UpdateTimeRaw), At: value(m.UpdatedAt)},
		Archived:    value(m.ArchivedUpdatedAt),
		UpdatedFrom: value(m.UpdatedFrom), FirstSeen: value(m.FirstSeenAt), AbsentAt: value(m.AbsentAt), LastSeen: lastLook,
		LastPulled: value(m.LastPulledAt), Absence: int8(m.Absence), MissingSince: value(m.MissingSince), DeletedAt: value(m.DeletedAt),
		Live: replay.LiveFlags(m.Live),
	}
	if m.Believed != nil {
		s.Believed = *m.Believed
	}
	if m.LastSeenAt != nil {
		s.LastSeen = *m.LastSeenAt
	}
	switch {
	case m.UpdateReadAt != nil:
		s.UpdatedAt = *m.UpdateReadAt
	case m.UpdateTimeRaw != nil:
		s.UpdatedAt = s.LastSeen
	}
	switch {
	case m.LastCountedAt != nil:
		s.LastCounted = *m.LastCountedAt
	case m.Generation > 0:
		s.LastCounted = s.LastSeen
	}
	return s
}

// setState makes the image's row say s. What was seen by the repo's last look says so without a time.
func (m *image) setState(s *replay.State, lastLook time.Time) {
	m.PullCount, m.Believed, m.Lowest = nil, nil, nil
	if s.Generation > 0 {
		m.PullCount = &s.Count
	}
	if !s.FallenAt.IsZero() {
		m.Believed, m.Lowest = &s.Believed, &s.Lowest
	}
	m.FallenAt, m.Generation = optional(s.FallenAt), s.Generation
	m.LatestTag, m.CreateTimeRaw, m.CreatedAt = nullText(s.Tag), optional(s.CreatedRaw), optional(s.Created)
	m.UpdateTimeRaw, m.UpdatedAt, m.UpdateReadAt = optional(s.Updated.Raw), optional(s.Updated.At), nil
	m.ArchivedUpdatedAt, m.UpdatedFrom = optional(s.Archived), optional(s.UpdatedFrom)
	m.FirstSeenAt, m.AbsentAt, m.LastPulledAt = optional(s.FirstSeen), optional(s.AbsentAt), optional(s.LastPulled)
	m.LastSeenAt, m.LastCountedAt = nil, nil
	if !s.LastSeen.Equal(lastLook) {
		m.LastSeenAt = optional(s.LastSeen)
	}
	if s.Updated.Raw != "" && !s.UpdatedAt.Equal(s.LastSeen) {
		m.UpdateReadAt = optional(s.UpdatedAt)
	}
	if s.Generation > 0 && !s.LastCounted.Equal(s.LastSeen) {
		m.LastCountedAt = &s.LastCounted
	}
	m.Absence, m.MissingSince, m.DeletedAt = int16(s.Absence), optional(s.MissingSince), optional(s.DeletedAt)
	m.Live = int16(s.Live)
}

// setRow notes the last row of the image's history.
func (m *image) setRow(r *replay.Row) { m.Kind, m.ObservedAt = new(int16(r.Kind)), new(r.At) }

// facts are what the reading says, with what was derived from it.
func (r *reading) facts(kept bool) replay.Reading {
	f := replay.Reading{
		At: r.ObservedAt, Archived: r.Archived, Kept: kept, Counted: r.PullCount != nil, Count: value(r.PullCount),
		Absent: r.Absent != nil, Weight: int8(value(r.Absent)), Tag: textOf(r.LatestTag), Created: textOf(r.CreateTime), Updated: textOf(r.UpdateTime),
	}
	if r.Kind != nil {
		f.Row = replay.Row{
			At: r.ObservedAt, Since: value(r.Since), Count: f.Count, Pulls: value(r.Pulls), Unknown: r.Pulls == nil,
			Kind: pulls.Kind(*r.Kind), Generation: value(r.Generation),
		}
	}
	return f
}

// readingOf is the row of an image's reading.
func readingOf(id int64, f *replay.Reading) reading {
	r := reading{
		Image: id, ObservedAt: f.At, Archived: f.Archived,
		LatestTag: nullText(f.Tag), CreateTime: nullText(f.Created), UpdateTime: nullText(f.Updated),
	}
	if f.Counted {
		r.PullCount = new(f.Count)
	}
	if f.Absent {
		r.Absent = new(int16(f.Weight))
	}
	r.derive(&f.Row)
	return r
}

// derive sets the derived columns; those of a reading that the history does not show are NULL.
func (r *reading) derive(row *replay.Row) {
	r.Since, r.Pulls, r.Generation, r.Kind = nil, nil, nil, nil
	if row.Kind == 0 {
		return
	}
	r.Kind, r.Generation, r.Since = new(int16(row.Kind)), new(row.Generation), optional(row.Since)
	if !row.Unknown {
		r.Pulls = new(row.Pulls)
	}
}

func imageDayOf(id int64, d *replay.Day) imageDay {
	day := imageDay{Image: id, Day: d.Day, PullCount: d.Count, Resets: d.Resets}
	if !d.Unknown {
		day.Pulls = new(d.Pulls)
	}
	return day
}

func (d *imageDay) total() replay.Day {
	return replay.Day{Day: d.Day, Pulls: value(d.Pulls), Unknown: d.Pulls == nil, Count: d.PullCount, Resets: d.Resets}
}

func eventOf(id int64, e *replay.Event) event {
	return event{At: e.At, Repo: id >> 32, Image: &id, Event: string(e.Kind), OldValue: optional(e.Old), NewValue: optional(e.New)}
}

func (e *event) happened() replay.Event {
	return replay.Event{At: e.At, Kind: replay.EventKind(e.Event), Old: value(e.OldValue), New: value(e.NewValue)}
}

func textOf(s *string) replay.Text { return replay.Text{Text: value(s), Known: s != nil} }

func nullText(t replay.Text) *string {
	if !t.Known {
		return nil
	}
	return new(t.Text)
}

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
