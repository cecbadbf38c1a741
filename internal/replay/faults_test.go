package replay_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncer/internal/pulls"
	"syncer/internal/replay"
)

func day(d int) time.Time { return time.Date(2025, 11, d, 12, 0, 0, 0, time.UTC) }

// looksAt are complete looks.
func looksAt(at ...time.Time) *replay.Looks {
	l := &replay.Looks{}
	for _, t := range at {
		l.Add(replay.Look{At: t, Weight: replay.WeightComplete})
	}
	return l
}

func archived(at time.Time, count int64, tag string) replay.Reading {
	r := replay.Reading{At: at, Archived: true, Counted: true, Count: count}
	if tag != "" {
		r.Tag = replay.Known(tag)
	}
	return r
}

func live(at time.Time, count int64, tag string) replay.Reading {
	return replay.Reading{At: at, Counted: true, Count: count, Tag: replay.Known(tag)}
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// splits imports the readings at once, one by one, and one by one from the last.
func splits(t *testing.T, looks *replay.Looks, stored, added []replay.Reading, verify func(t *testing.T, s *table)) {
	t.Helper()
	for name, order := range map[string]func(s *table){
		"one import": func(s *table) {
			for _, r := range added {
				s.add(r)
			}
			s.settle(looks)
		},
		"an import a reading": func(s *table) {
			for _, r := range added {
				s.add(r)
				s.settle(looks)
			}
		},
		"from the last": func(s *table) {
			for i := range added {
				s.add(added[len(added)-1-i])
				s.settle(looks)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &table{}
			for _, r := range stored {
				s.add(r)
			}
			s.settle(looks)
			order(s)
			verify(t, s)
			if d := s.settle(looks); !d.Empty() {
				t.Errorf("settled twice: %+v", d)
			}
		})
	}
}

// I1, I2: an image that live looks no longer held, known from archives of the days before: it is there on those days, and
// missing and deleted once.
func TestDaysBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	var added []replay.Reading
	for d := range 6 {
		added = append(added, archived(day(1+d), 5, ""))
	}
	splits(t, looksAt(day(10), day(11)), nil, added, func(t *testing.T, s *table) {
		check(t, "events", []replay.Event{{At: day(10), Kind: replay.Missing, Old: "5"}, {At: day(11), Kind: replay.Deleted, Old: "5"}}, s.Events)
		check(t, "presence", []replay.PresenceChange{{Day: time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC), Delta: 1}, {Day: time.Date(2025, 11, 11, 0, 0, 0, 0, time.UTC), Delta: -1}},
			replay.Presence(s.State.FirstSeen, s.Events))
	})
	// I2: a later reading takes the deletion back.
	splits(t, looksAt(day(10), day(11)), nil, []replay.Reading{archived(day(1), 5, ""), archived(day(10).Add(time.Hour), 6, "")}, func(t *testing.T, s *table) {
		check(t, "events", []replay.Event{
			{At: day(10), Kind: replay.Missing, Old: "5"}, {At: day(10).Add(time.Hour), Kind: replay.Reappeared, Old: "missing"}, {At: day(11), Kind: replay.Missing, Old: "6"},
		}, s.Events)
	})
}

// I3: a look that did not hold the image is none that read its count.
func TestLooksWithoutTheImage(t *testing.T) {
	t.Parallel()
	looks := looksAt(day(5), day(6), day(12), day(13))
	stored := []replay.Reading{live(day(12), 3, "v1"), live(day(13), 100, "v1")}
	splits(t, looks, stored, []replay.Reading{archived(day(1), 3, ""), archived(day(10), 100, "")}, func(t *testing.T, s *table) {
		var sum int64
		for _, r := range s.rows() {
			sum += r.Pulls
			if r.At.Equal(day(5)) || r.Since.Equal(day(5)) {
				t.Errorf("a look without the image counts: %+v", r)
			}
		}
		if sum != 97 {
			t.Errorf("%d pulls, want 97: %+v", sum, s.rows())
		}
	})
}

// I4: one moment with two counts and an absence.
func TestSameMoment(t *testing.T) {
	t.Parallel()
	absent := replay.Reading{At: day(1), Archived: true, Absent: true, Weight: 2}
	low, high := archived(day(2), 40, "v2"), archived(day(2), 50, "v1")
	gone := replay.Reading{At: day(2), Archived: true, Absent: true, Weight: 4}
	splits(t, looksAt(), nil, []replay.Reading{low, absent, gone, high}, func(t *testing.T, s *table) {
		check(t, "rows", []replay.Row{{At: day(2), Since: day(1), Count: 50, Pulls: 50, Kind: pulls.New, Generation: 1}}, s.rows())
		check(t, "tag", replay.Known("v1"), s.State.Tag)
	})
}

// I5: sums stop instead of wrapping.
func TestSumsDoNotWrap(t *testing.T) {
	t.Parallel()
	s := &table{}
	first := archived(day(1), 1_000_000_000_000_000_000, "")
	first.Created = replay.Known("2025-11-01 00:00:00")
	s.add(first)
	for i := range 12 { // an image made anew each hour with 10^18 pulls but one less than before
		r := archived(day(2).Add(time.Duration(i)*time.Hour/2), 999_999_999_999_999_000-int64(i), "")
		r.Created = replay.Known(day(2).Add(time.Duration(i) * time.Hour / 2).Format(time.DateTime))
		s.add(r)
	}
	s.settle(looksAt())
	last := s.Days[len(s.Days)-1]
	if last.Pulls != math.MaxInt64 || last.Resets != 12 {
		t.Errorf("the day is %+v", last)
	}
}

// I15: an archive without tags says nothing of them; one with an empty tag neither.
func TestUnknownIsNotEmpty(t *testing.T) {
	t.Parallel()
	empty := archived(day(2), 1, "")
	empty.Tag = replay.Known("")
	splits(t, looksAt(day(5)), []replay.Reading{live(day(5), 2, "v1")}, []replay.Reading{archived(day(1), 1, ""), empty}, func(t *testing.T, s *table) {
		check(t, "events", []replay.Event(nil), s.Events)
	})
	splits(t, looksAt(day(5), day(6)), []replay.Reading{live(day(5), 2, ""), live(day(6), 2, "v1")}, []replay.Reading{archived(day(1), 1, "v0")}, func(t *testing.T, s *table) {
		check(t, "events", []replay.Event{{At: day(6), Kind: replay.TagPushed, Old: "", New: "v1"}}, s.Events)
	})
}

// An archived UpdateTime counts when it is newer than the last live look that gave one. It comes and goes without that of live looks.
func TestUpdated(t *testing.T) {
	t.Parallel()
	updated := func(d int, text string) replay.Reading {
		r := archived(day(d), 1, "")
		r.Updated = replay.Known(text)
		return r
	}
	third := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	splits(t, looksAt(), nil, []replay.Reading{updated(3, "2025-11-03 00:00:00"), updated(1, "2025-11-01 00:00:00")}, func(t *testing.T, s *table) {
		check(t, "updated", third, s.State.Archived)
	})
	s, looks := &table{}, looksAt()
	var out replay.Outcome
	look := func(d int, text string) {
		o := replay.Observation{At: day(d), Counted: true, Count: 1, Tag: replay.Known("")}
		o.Updated.Raw = text
		if replay.Step(&s.State, &o, &out); out.Fact {
			s.add(out.Reading)
		}
		looks.Add(replay.Look{At: day(d), Weight: replay.WeightComplete})
	}
	says := func(what string, from int) {
		t.Helper()
		s.settle(looks)
		var want, at time.Time
		if from > 0 {
			want, at = third, day(from)
		}
		check(t, what, []any{"live", want, at}, []any{s.State.Updated.Raw, s.State.Archived, s.State.UpdatedFrom})
	}
	look(2, "live")
	says("a look", 0)
	s.add(updated(1, "2025-11-01 00:00:00"))
	says("an older archive", 0)
	look(5, "")
	says("a look that gives none", 0)
	s.add(updated(3, "2025-11-03 00:00:00"))
	says("an archive between the two", 3)
	s.add(archived(day(3), 2, "")) // the higher count of that moment, which has none
	says("the archive displaced", 0)
	s.add(updated(6, "2025-11-03 00:00:00"))
	says("a newer archive", 6)
	look(7, "")
	says("a later look that gives none", 6)
	look(8, "live")
	says("a look that gives one", 0)
}

// An archive adds nothing to the moment of a look of a run, whether the look has a row of its own or says what the row before said, and
// whether it came before or after another archive.
func TestLookWinsItsMoment(t *testing.T) {
	t.Parallel()
	looks := looksAt(day(1), day(2), day(4), day(6))
	unread, gone := replay.Reading{At: day(2)}, replay.Reading{At: day(4), Absent: true}
	for name, c := range map[string]struct {
		stored []replay.Reading
		says   replay.Reading
	}{
		"unread":                {[]replay.Reading{live(day(1), 5, "v1"), unread}, archived(day(4), 9, "v2")},
		"unread, in its row":    {[]replay.Reading{live(day(1), 5, "v1"), unread, {At: day(4)}}, archived(day(4), 9, "v2")},
		"not there":             {[]replay.Reading{live(day(1), 5, "v1"), gone}, archived(day(6), 9, "v2")},
		"not there, in its row": {[]replay.Reading{live(day(1), 5, "v1"), gone}, archived(day(4), 9, "v2")},
		"not there yet":         {[]replay.Reading{live(day(6), 5, "v1")}, archived(day(4), 9, "v2")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := &table{}
			for _, r := range append(c.stored, archived(day(3), 7, "v1")) {
				want.add(r)
			}
			want.settle(looks)
			splits(t, looks, c.stored, []replay.Reading{c.says, archived(day(3), 7, "v1")}, func(t *testing.T, s *table) {
				check(t, "rows", want.rows(), s.rows())
				check(t, "events", want.Events, s.Events)
				check(t, "state", want.State, s.State)
			})
		})
	}
}
