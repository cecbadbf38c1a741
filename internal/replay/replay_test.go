package replay_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/replay"
)

func compare(t *rapid.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// compareModel compares all but the flags of the last live look, of which the contract says nothing.
func (w *world) compareModel(t *rapid.T, s *table, archived []seen) {
	t.Helper()
	m := derive(w.live, archived)
	compare(t, "rows", m.rows, s.rows())
	compare(t, "events", m.events, s.Events)
	compare(t, "days", m.days(), s.Days)
	got := s.State
	got.Live = 0
	compare(t, "state", m.s, got)
}

// The replay says what the contract's words say, in whatever order and split archives arrive.
func TestImageIsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		s := &table{}
		s.Readings = w.liveRows()
		s.settle(w.looks)
		w.compareModel(t, s, nil)
		archived := rapid.Permutation(w.archived).Draw(t, "order")
		for i, a := range archived {
			s.add(a.reading())
			if rapid.Bool().Draw(t, "split") {
				s.settle(w.looks)
				w.compareModel(t, s, archived[:i+1])
			}
		}
		s.settle(w.looks)
		w.compareModel(t, s, archived)
		if d := s.settle(w.looks); !d.Empty() {
			t.Fatalf("a second application changes something: %+v", d)
		}
	})
}

// A live look that is stepped on what is stored does what the replay of everything does.
func TestStepIsImage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		s := &table{}
		var out replay.Outcome
		looks := &replay.Looks{}
		pending := slices.Clone(w.archived)
		var done []seen
		for i, o := range w.live {
			next := o.at
			later := pending[:0:0]
			var came bool
			for _, a := range pending { // what was archived before this look may be imported any time after
				if a.at.Before(next) && rapid.Bool().Draw(t, "imported") {
					s.add(a.reading())
					done = append(done, a)
					came = true
				} else {
					later = append(later, a)
				}
			}
			if pending = later; came {
				s.settle(looks)
			}
			s.look(&o, &out)
			looks.Add(replay.Look{At: o.at, Weight: o.weight})
			if d := s.settle(looks); !d.Empty() {
				t.Fatalf("after look %d (%+v): %+v", i, o, d)
			}
		}
		for _, a := range pending {
			s.add(a.reading())
			done = append(done, a)
		}
		s.settle(looks)
		w.compareModel(t, s, done)
	})
}

// look applies a live look as the store does.
func (s *table) look(o *seen, out *replay.Outcome) {
	created, _ := registry.ParseTimestamp(o.created, time.UTC)
	before := s.State
	changed := replay.Step(&s.State, &replay.Observation{
		At: o.at, Absent: o.absent, Weight: o.weight, Counted: o.counted && !o.absent, Count: o.count, Tag: o.tag, Created: created,
	}, out)
	if !changed {
		after := s.State
		after.LastSeen, after.LastCounted, after.AbsentAt = before.LastSeen, before.LastCounted, before.AbsentAt
		if after != before {
			panic("Step reports no change but the state has changed")
		}
		return
	}
	if out.Fact {
		s.add(out.Reading)
	}
	if out.Row.Kind != 0 {
		s.Days = sumDay(s.Days, out.Row)
	}
	s.Events = append(s.Events, out.Events...)
}

// sumDay adds a row to its day as SQL would.
func sumDay(days []replay.Day, r replay.Row) []replay.Day {
	m := model{rows: []replay.Row{r}}
	one := m.days()[0]
	n := len(days)
	if n == 0 || !days[n-1].Day.Equal(one.Day) {
		return append(days, one)
	}
	d := &days[n-1]
	d.Count, d.Unknown, d.Resets = one.Count, d.Unknown && one.Unknown, d.Resets+one.Resets
	if d.Pulls += one.Pulls; d.Pulls < 0 {
		d.Pulls = 1<<63 - 1
	}
	return days
}
