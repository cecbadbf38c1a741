package replay_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncer/internal/pulls"
	"syncer/internal/registry"
	"syncer/internal/replay"
)

// keep drops the readings before a moment except those from which the replay goes on.
func (s *table) keep(before time.Time) {
	kept := map[time.Time]bool{}
	last := func(want func(r *replay.Reading) bool) (at time.Time) {
		for i := range s.Readings {
			if r := &s.Readings[i]; r.At.Before(before) && want(r) {
				at = r.At
			}
		}
		kept[at] = true
		return at
	}
	settled := last(func(r *replay.Reading) bool { return r.Row.Kind != 0 && r.Row.Kind != pulls.Suspect })
	for _, archived := range []bool{false, true} {
		side := func(r *replay.Reading) bool { return r.Archived == archived && !r.Absent && !r.At.After(settled) }
		last(func(r *replay.Reading) bool { return side(r) && r.Tag.Known && (!archived || r.Tag.Text != "") })
		last(func(r *replay.Reading) bool { return side(r) && r.Counted && r.Created.Known })
		last(func(r *replay.Reading) bool { return side(r) && r.Counted && r.Created.Text != "" })
		last(func(r *replay.Reading) bool {
			at, _ := registry.ParseTimestamp(r.Created.Text, time.UTC)
			return side(r) && r.Counted && !at.At.IsZero()
		})
	}
	last(func(r *replay.Reading) bool { return !r.Archived && !r.At.After(settled) }) // which stands after the settled row
	s.Readings = slices.DeleteFunc(s.Readings, func(r replay.Reading) bool {
		return r.At.Before(before) && !r.At.After(settled) && !kept[r.At]
	})
	for i := range s.Readings {
		s.Readings[i].Kept = s.Readings[i].At.Before(before)
	}
}

// Dropping months changes nothing of what is left, and looks that are forgotten neither.
func TestDroppedMonths(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		s := &table{}
		s.Readings = w.liveRows()
		for _, a := range w.archived {
			if !slices.ContainsFunc(w.live, func(l seen) bool { return l.at.Equal(a.at) }) { // whose texts may not count
				s.add(a.reading())
			}
		}
		s.settle(w.looks)
		before := time.Date(2026, time.Month(rapid.IntRange(1, 4).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
		s.keep(before)
		want := s.State
		d := s.settle(w.looks)
		d.State = slices.DeleteFunc(d.State, func(f replay.Field) bool {
			return f.Name == "last_pulled_at" // the row that says so may be gone
		})
		if !d.Empty() {
			for _, c := range d.Rows {
				t.Logf("row %+v, want %+v", c.Stored, c.Want)
			}
			for _, r := range s.Readings {
				t.Logf("reading %+v", r)
			}
			t.Fatalf("dropping changed %+v", d)
		}
		if s.State.LastPulled.After(want.LastPulled) {
			t.Fatalf("last pulled %v, want %v", s.State.LastPulled, want.LastPulled)
		}
	})
}

// Looks that are forgotten change nothing of what was derived by them.
func TestForgottenLooks(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return start.AddDate(0, 0, days) }
	all := looksAt(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8))
	s := &table{}
	s.Readings = []replay.Reading{
		live(at(1), 5, "v1"), live(at(3), 8, "v1"), {At: at(4), Absent: true}, live(at(7), 9, "v2"),
	}
	s.settle(all)
	for from := range 10 {
		looks := &replay.Looks{From: at(from)}
		for i := range all.Len() {
			if l := all.Look(i); !l.At.Before(looks.From) {
				looks.Add(l)
			}
		}
		left := &table{Stored: s.Stored}
		d := left.settle(looks)
		d.State = slices.DeleteFunc(d.State, func(f replay.Field) bool { return f.Name == "last_seen_at" || f.Name == "last_counted_at" })
		if !d.Empty() {
			t.Errorf("looks forgotten before day %d: %+v", from, d)
			for _, c := range d.Rows {
				t.Errorf("row %+v, want %+v", c.Stored, c.Want)
			}
		}
	}
}

// What looks read once more after archives that say otherwise stays known when the looks are forgotten.
func TestForgottenLooksAfterArchives(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return start.AddDate(0, 0, days) }
	for name, c := range map[string]struct{ first, says, later replay.Reading }{
		"a tag":       {live(at(1), 5, "v1"), archived(at(2), 5, "v2"), archived(at(5), 6, "v1")},
		"no tag":      {live(at(1), 5, ""), archived(at(2), 5, "v2"), archived(at(5), 6, "v1")},
		"uncounted":   {replay.Reading{At: at(1), Tag: replay.Known("v1")}, archived(at(2), 5, "v2"), archived(at(5), 6, "v3")},
		"when made":   {made(live(at(1), 5, "v1"), at(0)), made(archived(at(2), 5, "v1"), at(-9)), archived(at(5), 5, "")},
		"all of them": {made(live(at(1), 5, "v1"), at(0)), made(archived(at(2), 7, "v2"), at(-9)), archived(at(5), 5, "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &table{}
			s.add(c.first)
			s.add(c.says)
			s.add(c.later)
			all := looksAt(at(1), at(3), at(4), at(6), at(7))
			s.settle(all)
			for _, from := range []time.Time{at(2), at(4), at(5), at(7), at(8)} {
				looks := &replay.Looks{From: from}
				for l := range all.After(from) {
					looks.Add(l)
				}
				left := &table{Stored: s.Stored}
				left.Readings = slices.Clone(s.Readings)
				if d := left.settle(looks); !d.Empty() {
					t.Errorf("looks forgotten before %v: %+v", from, d)
				}
			}
		})
	}
}

// What was absent before the looks that are kept is no more so than what is known since tells.
func TestForgottenAbsence(t *testing.T) {
	t.Parallel()
	at := func(days int) time.Time { return start.AddDate(0, 0, days) }
	gone := func(days int) replay.Reading { return replay.Reading{At: at(days), Absent: true} }
	claim := replay.Reading{At: at(5), Archived: true, Absent: true, Weight: 1}
	for name, c := range map[string]struct {
		readings []replay.Reading
		weights  []int8 // of looks at days 1, 2 and so on
	}{
		"an archive, then seen":      {[]replay.Reading{live(at(1), 5, "v1"), claim, live(at(6), 6, "v1")}, []int8{2, 2, 2, 0, 0, 2}},
		"an archive, then missing":   {[]replay.Reading{live(at(1), 5, "v1"), gone(3), claim, live(at(8), 6, "v1")}, []int8{2, 2, 1, 0, 0, 0, 2, 2}},
		"missing by both, then seen": {[]replay.Reading{live(at(1), 5, "v1"), gone(3), live(at(6), 6, "v1")}, []int8{2, 2, 1, 0, 1, 2}},
		"missing, not seen again":    {[]replay.Reading{live(at(1), 5, "v1"), gone(3)}, []int8{2, 2, 1, 0, 1, 0}},
		"deleted by both":            {[]replay.Reading{live(at(1), 5, "v1"), gone(3), live(at(7), 6, "v1")}, []int8{2, 2, 1, 1, 1, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, looks := &replay.Looks{}, &replay.Looks{From: at(4)}
			for i, w := range c.weights {
				if i+1 == 5 && slices.Contains(c.readings, claim) {
					continue // the archive has that moment
				}
				all.Add(replay.Look{At: at(i + 1), Weight: w})
				if i+1 >= 4 {
					looks.Add(replay.Look{At: at(i + 1), Weight: w})
				}
			}
			s := &table{}
			for _, r := range c.readings {
				s.add(r)
			}
			s.settle(all)
			if d := s.settle(looks); !d.Empty() {
				t.Errorf("%+v", d)
			}
		})
	}
}

func made(r replay.Reading, at time.Time) replay.Reading {
	r.Created = replay.Known(at.Format(time.RFC3339))
	return r
}
