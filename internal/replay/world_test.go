package replay_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/replay"
)

var start = time.Date(2026, 1, 20, 3, 0, 0, 0, time.UTC)

// world is all that there is to know of one image: what every look read, and what archives hold.
type world struct {
	looks    *replay.Looks
	live     []seen // one a look
	archived []seen
}

var (
	counts   = rapid.SampledFrom([]int64{0, 1, 3, 5, 6, 10, 11, 100, 197, registry.MaxPullCount})
	tags     = rapid.SampledFrom([]replay.Text{replay.Known(""), replay.Known("v1"), replay.Known("v2")})
	createds = rapid.SampledFrom([]string{
		"", "-", "N/A", "0", "2026-01-01 00:00:00", "2026-01-21 00:00:00", "2026-01-22 05:00:00", "2026-01-22 05:00", "2026-02-01 00:00:00", "2026-03-01",
	})
	steps = rapid.SampledFrom([]time.Duration{
		time.Microsecond, 5 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 7 * time.Hour, 26 * time.Hour, 11 * 24 * time.Hour,
	})
	weights = rapid.SampledFrom([]int8{0, 1, 2, 2, 2, 4})
)

func drawWorld(t *rapid.T) *world {
	w := &world{looks: &replay.Looks{}}
	at := start
	var moments []time.Time
	o := seen{absent: true}
	for range rapid.IntRange(0, 40).Draw(t, "looks") {
		at = at.Add(steps.Draw(t, "step"))
		o = drawLive(t, o)
		o.at, o.weight = at, weights.Draw(t, "weight")
		if o.weight == replay.WeightGone {
			o.absent = true
		}
		w.looks.Add(replay.Look{At: at, Weight: o.weight})
		w.live = append(w.live, o)
		moments = append(moments, at)
	}
	for range rapid.IntRange(0, 12).Draw(t, "archived") {
		a := drawArchived(t)
		if len(moments) > 0 && rapid.IntRange(0, 3).Draw(t, "at a known moment") > 0 {
			a.at = rapid.SampledFrom(moments).Draw(t, "known moment")
			if rapid.Bool().Draw(t, "beside it") {
				a.at = a.at.Add(rapid.SampledFrom([]time.Duration{-time.Minute, time.Minute, 3 * time.Hour}).Draw(t, "beside"))
			}
		} else {
			a.at = start.Add(time.Duration(rapid.IntRange(-50, 200).Draw(t, "hours")) * time.Hour)
		}
		moments = append(moments, a.at)
		w.archived = append(w.archived, a)
	}
	return w
}

// drawLive is mostly what it was before.
func drawLive(t *rapid.T, o seen) seen {
	switch rapid.IntRange(0, 11).Draw(t, "change") {
	case 0:
		o.absent = true
	case 1, 2, 3:
		if o.absent && !o.tag.Known {
			o.tag, o.counted = tags.Draw(t, "tag"), true
		}
		o.absent, o.counted, o.count = false, true, counts.Draw(t, "count")
	case 4:
		if !o.absent {
			o.tag = tags.Draw(t, "tag")
		}
	case 5:
		if !o.absent && o.counted {
			o.created = createds.Draw(t, "created")
		}
	case 6:
		if !o.absent {
			o.counted = false
		}
	case 7:
		if !o.absent && o.counted {
			o.count += rapid.Int64Range(-2, 3).Draw(t, "moved")
			o.count = min(max(o.count, 0), registry.MaxPullCount)
		}
	}
	return o
}

func drawArchived(t *rapid.T) seen {
	a := seen{archived: true}
	switch rapid.IntRange(0, 5).Draw(t, "archive") {
	case 0:
		a.absent, a.weight = true, rapid.SampledFrom([]int8{1, 2, 4}).Draw(t, "archived weight")
		return a
	case 1:
	default:
		a.counted, a.count = true, counts.Draw(t, "archived count")
	}
	if rapid.Bool().Draw(t, "has tag") {
		a.tag = tags.Draw(t, "archived tag")
	}
	if rapid.Bool().Draw(t, "has created") {
		a.created = createds.Draw(t, "archived created")
	}
	return a
}

// liveRows are the looks' readings as they are stored: what differs from the look before.
func (w *world) liveRows() []replay.Reading {
	var rows []replay.Reading
	before := seen{absent: true}
	var tag replay.Text
	created := ""
	for _, o := range w.live {
		r := replay.Reading{At: o.at, Absent: o.absent}
		change := o.absent != before.absent
		if !o.absent {
			r.Counted, r.Count = o.counted, o.count
			change = change || o.counted != before.counted || o.counted && o.count != before.count
			if o.tag != tag {
				r.Tag, tag, change = o.tag, o.tag, true
			}
			if o.counted && o.created != created {
				r.Created, created, change = replay.Known(o.created), o.created, true
			}
		}
		if !r.Counted {
			r.Count = 0
		}
		if change {
			rows = append(rows, r)
		}
		before = o
	}
	return rows
}

func (a seen) reading() replay.Reading {
	r := replay.Reading{At: a.at, Archived: true, Absent: a.absent, Weight: a.weight, Counted: a.counted, Count: a.count, Tag: a.tag}
	if a.created != "" {
		r.Created = replay.Known(a.created)
	}
	return r
}

// table holds one image's rows as a database would.
type table struct{ replay.Stored }

// add merges an archived reading in.
func (s *table) add(r replay.Reading) {
	i, found := slices.BinarySearchFunc(s.Readings, r.At, func(r replay.Reading, at time.Time) int { return r.At.Compare(at) })
	if found {
		s.Readings[i] = replay.Merge(s.Readings[i], r)
		return
	}
	s.Readings = slices.Insert(s.Readings, i, r)
}

// settle writes the difference.
func (s *table) settle(looks *replay.Looks) replay.Difference {
	want := replay.Image(looks, time.UTC, &s.Stored)
	d := replay.Diff(&s.Stored, &want)
	for _, c := range d.Rows {
		switch {
		case c.Stored == nil:
			s.add(replay.Reading{At: c.Want.At, Counted: true, Count: c.Want.Count, Row: *c.Want})
		case c.Want == nil:
			s.row(c.Stored.At).Row = replay.Row{}
		case c.Stored.Count != c.Want.Count:
			*s.row(c.Want.At) = replay.Reading{At: c.Want.At, Counted: true, Count: c.Want.Count, Row: *c.Want}
		default:
			s.row(c.Want.At).Row = *c.Want
		}
	}
	s.Events = apply(s.Events, d.Events, func(a, b replay.Event) bool { return a.At.Equal(b.At) && a.Kind == b.Kind }, func(a, b replay.Event) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		order := []replay.EventKind{replay.Missing, replay.Deleted, replay.Reappeared, replay.TagPushed}
		return slices.Index(order, a.Kind) - slices.Index(order, b.Kind)
	})
	s.Days = apply(s.Days, d.Days, func(a, b replay.Day) bool { return a.Day.Equal(b.Day) }, func(a, b replay.Day) int { return a.Day.Compare(b.Day) })
	s.State = want.State
	for _, r := range want.Again {
		s.add(r)
	}
	return d
}

func (s *table) row(at time.Time) *replay.Reading {
	i := slices.IndexFunc(s.Readings, func(r replay.Reading) bool { return r.At.Equal(at) })
	return &s.Readings[i]
}

func apply[T any](list []T, changes []replay.Change[T], same func(a, b T) bool, order func(a, b T) int) []T {
	var removed, added []T
	for _, c := range changes {
		if c.Stored != nil {
			removed = append(removed, *c.Stored)
		}
		if c.Want != nil {
			added = append(added, *c.Want)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(v T) bool {
		return slices.ContainsFunc(removed, func(r T) bool { return same(v, r) })
	})
	list = append(list, added...)
	slices.SortStableFunc(list, order)
	return list
}

// rows are the stored rows of the history.
func (s *table) rows() []replay.Row {
	var rows []replay.Row
	for i := range s.Readings {
		if r := s.Readings[i].Row; r.Kind != 0 {
			r.At, r.Count = s.Readings[i].At, s.Readings[i].Count
			rows = append(rows, r)
		}
	}
	return rows
}
