package pulls_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		repoKnown bool
		want      pulls.Change
	}{
		"repo never completely seen": {false, pulls.Change{Kind: pulls.Baseline, Count: 7, Unknown: true, Generation: 1}},
		"repo completely seen":       {true, pulls.Change{Kind: pulls.New, Count: 7, Pulls: 7, Generation: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, got := pulls.First(pulls.Observation{At: start, Count: 7, Created: start}, tt.repoKnown)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			want := pulls.State{Count: 7, Believed: 7, Generation: 1, Created: start}
			if diff := cmp.Diff(want, state); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

// look is a count read so many minutes after the first look, with CreateTime as text, and what becomes of it.
type look struct {
	minutes int
	count   int64
	created string
	kind    pulls.Kind // 0: nothing is written
	pulls   int64
}

func TestNext(t *testing.T) {
	t.Parallel()
	const (
		none = pulls.Kind(0)
		six  = 6 * 60
		t1   = "2026-02-01 00:00:00"
		t2   = "2026-03-01 13:00:00"
	)
	for name, looks := range map[string][]look{
		"rise":                       {{60, 101, t1, pulls.Increase, 1}, {120, 150, t1, pulls.Increase, 49}},
		"no change":                  {{60, 100, t1, none, 0}, {120, 100, t1, none, 0}},
		"falls a little and back":    {{60, 99, t1, pulls.Suspect, 0}, {65, 99, t1, none, 0}, {70, 100, t1, pulls.Recovered, 0}, {75, 101, t1, pulls.Increase, 1}},
		"changes while fallen":       {{60, 90, t1, pulls.Suspect, 0}, {70, 95, t1, pulls.Suspect, 0}, {80, 97, t1, pulls.Suspect, 0}, {90, 104, t1, pulls.Recovered, 4}},
		"small fall stays":           {{60, 90, t1, pulls.Suspect, 0}, {60 + six - 1, 90, t1, none, 0}, {60 + six, 90, t1, pulls.Correction, 0}, {500, 91, t1, pulls.Increase, 1}},
		"small fall goes on":         {{60, 90, t1, pulls.Suspect, 0}, {70, 80, t1, pulls.Suspect, 0}, {80, 85, t1, pulls.Suspect, 0}, {900, 95, t1, pulls.Correction, 15}},
		"half is no reset":           {{60, 50, t1, pulls.Suspect, 0}, {900, 55, t1, pulls.Correction, 5}},
		"below half":                 {{60, 49, t1, pulls.Suspect, 0}, {900, 55, t1, pulls.Reset, 55}, {960, 60, t1, pulls.Increase, 5}},
		"was below half once":        {{60, 90, t1, pulls.Suspect, 0}, {90, 3, t1, pulls.Suspect, 0}, {100, 90, t1, pulls.Suspect, 0}, {900, 91, t1, pulls.Reset, 91}},
		"falls below half by itself": {{60, 90, t1, pulls.Suspect, 0}, {900, 10, t1, pulls.Reset, 10}},
		"back after six hours":       {{60, 3, t1, pulls.Suspect, 0}, {900, 101, t1, pulls.Recovered, 1}},
		"made anew":                  {{60, 4, t2, pulls.Reset, 4}, {120, 6, t2, pulls.Increase, 2}},
		"made anew while in doubt":   {{60, 40, t1, pulls.Suspect, 0}, {90, 30, t2, pulls.Reset, 30}, {1000, 30, t2, none, 0}},
		"later, not lower":           {{60, 100, t2, none, 0}, {90, 120, t2, pulls.Increase, 20}},
		"later, but long before the last look": {
			{60, 4, "2026-02-20 00:00:00", pulls.Suspect, 0}, {900, 4, "2026-02-20 00:00:00", pulls.Reset, 4},
		},
		"earlier":                     {{60, 4, "2026-01-31 16:00:00", pulls.Suspect, 0}},
		"never understood":            {{60, 100, "-", none, 0}, {90, 100, "N/A", none, 0}, {100, 100, "", none, 0}},
		"garbage hides no recreation": {{60, 100, "??", none, 0}, {90, 2, t2, pulls.Reset, 2}},
		"other notations": {
			{60, 100, "2026-02-01 00:00", none, 0}, {70, 100, "2026-02-01", none, 0}, {80, 100, "1769904000", none, 0}, {90, 100, "2026-01-31 16:00:00", none, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			created, _ := registry.ParseTimestamp(t1, time.UTC)
			s, _ := pulls.First(pulls.Observation{At: start, Count: 100, Created: created.At}, false)
			before, generation := start, int32(1)
			for i, l := range looks {
				created, _ := registry.ParseTimestamp(l.created, time.UTC)
				o := pulls.Observation{At: start.Add(time.Duration(l.minutes) * time.Minute), Before: before, Count: l.count, Created: created.At}
				next, c, changed := pulls.Next(s, o)
				if l.kind == pulls.Reset && l.created == t2 {
					generation++
				}
				if changed != (l.kind != none) {
					t.Fatalf("look %d: %+v, %t", i, c, changed)
				}
				want := pulls.Change{Kind: l.kind, Count: l.count, Pulls: l.pulls, Generation: generation}
				if diff := cmp.Diff(want, c); changed && diff != "" {
					t.Fatalf("look %d (-want +got):\n%s", i, diff)
				}
				s, before = next, o.At
			}
		})
	}
}

// Texts of CreateTime that are no recreation leave a counter that stands still alone (R9).
func TestCreateTimeAloneIsNoReset(t *testing.T) {
	t.Parallel()
	for _, texts := range [][2]string{
		{"0", "0001-01-01T00:00:00Z"}, {"0", "0000-00-00 00:00:00"}, {"-", "N/A"}, {"2 days ago", "3 days ago"},
		{"2019-10-11 08:13:20", "2019-10-11 08:13"}, {"2019-10-11 08:13:20", "2019-10-11"}, {"2019-10-11 08:13:20", "2019-10-11 00:13:20"},
		{"2019-10-11 00:13:20", "2019-10-11 08:13:20"}, {"", "2026-03-01 12:30:00"}, {"2026-02-28 12:00:00", "2026-03-01 12:30:00"},
	} {
		var created [2]time.Time
		for i, text := range texts {
			at, _ := registry.ParseTimestamp(text, time.UTC)
			created[i] = at.At
		}
		s, _ := pulls.First(pulls.Observation{At: start, Count: 1000, Created: created[0]}, false)
		before := start
		for i := range 9 {
			o := pulls.Observation{At: before.Add(time.Hour), Before: before, Count: 1000, Created: created[(i+1)%2]}
			next, c, changed := pulls.Next(s, o)
			if changed {
				t.Errorf("%q: look %d makes %+v", texts, i, c)
			}
			s, before = next, o.At
		}
	}
}

// A counter that only ever rises, read through readings that lag or are lost for less than six hours each, gives exactly its
// pulls once the truth has been read.
func TestGlitchesAddNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		truth := rapid.Int64Range(0, 1e6).Draw(t, "start")
		first := truth
		at := start
		s, _ := pulls.First(pulls.Observation{At: at, Count: truth}, false)
		var sum int64
		see := func(count int64, later time.Duration) {
			o := pulls.Observation{At: at.Add(later), Before: at, Count: count}
			next, c, _ := pulls.Next(s, o)
			sum += c.Pulls
			s, at = next, o.At
		}
		for range rapid.IntRange(1, 30).Draw(t, "rounds") {
			for range rapid.IntRange(0, 5).Draw(t, "glitches") {
				see(rapid.Int64Range(0, truth).Draw(t, "glitch"), time.Hour)
			}
			truth += rapid.Int64Range(0, 1000).Draw(t, "pulled")
			see(truth, time.Minute)
		}
		if want := truth - first; sum != want {
			t.Fatalf("counted %d pulls, want %d", sum, want)
		}
	})
}

// Whatever is read, the sums keep to the readings: pulls are never negative, a window adds no more than its count, nothing is
// added while a fall is in doubt, and without recreations the believed count is all that was ever counted less what falls took away.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, registry.MaxPullCount))
		at := start
		s, _ := pulls.First(pulls.Observation{At: at, Count: count.Draw(t, "first")}, rapid.Bool().Draw(t, "known"))
		sum := s.Count
		for range rapid.IntRange(1, 50).Draw(t, "looks") {
			o := pulls.Observation{Before: at, Count: count.Draw(t, "count")}
			at = at.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "minutes")) * time.Minute)
			o.At = at
			if rapid.IntRange(0, 5).Draw(t, "created") == 0 {
				o.Created = at.Add(time.Duration(rapid.IntRange(-60, 10).Draw(t, "hours")) * time.Hour)
			}
			before := s
			next, c, changed := pulls.Next(s, o)
			s = next
			switch {
			case c.Pulls < 0 || c.Pulls > o.Count:
				t.Fatalf("%d pulls of a count of %d", c.Pulls, o.Count)
			case s.Count != o.Count:
				t.Fatalf("state holds %d after %d was read", s.Count, o.Count)
			case s.FallenAt.IsZero() != (s.Count == s.Believed):
				t.Fatalf("doubt and counts differ: %+v", s)
			case !s.FallenAt.IsZero() && (s.Lowest > s.Count || at.Sub(s.FallenAt) >= pulls.Doubt || c.Pulls != 0 || s.Believed != before.Believed):
				t.Fatalf("in doubt: %+v, %+v", s, c)
			case changed != (s.Count != before.Count || s.FallenAt.IsZero() != before.FallenAt.IsZero()):
				t.Fatalf("%+v after %+v: changed = %t", s, before, changed)
			case s.Generation != before.Generation && c.Kind != pulls.Reset:
				t.Fatalf("a new generation by %v", c.Kind)
			}
			if c.Kind == pulls.Correction || c.Kind == pulls.Reset {
				sum -= before.Believed - (o.Count - c.Pulls)
			}
			sum += c.Pulls
			if sum != s.Believed {
				t.Fatalf("the sum is %d, the believed count %d", sum, s.Believed)
			}
			again := o
			again.Before, again.At = at, at.Add(time.Microsecond)
			if _, c, changed := pulls.Next(s, again); changed && (s.FallenAt.IsZero() || again.At.Sub(s.FallenAt) < pulls.Doubt) {
				t.Fatalf("the same reading again makes %+v of %+v", c, s)
			}
		}
	})
}
