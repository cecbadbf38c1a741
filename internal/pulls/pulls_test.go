package pulls_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

func created(day int) registry.Timestamp {
	at := time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)
	return registry.Timestamp{Raw: at.Format(time.DateTime), At: at}
}

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
			state, got := pulls.First(pulls.Observation{Count: 7, Created: created(1)}, tt.repoKnown)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
			want := pulls.State{Kind: got.Kind, Count: 7, Generation: 1, Created: created(1)}
			if diff := cmp.Diff(want, state); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	const none = pulls.Kind(0)
	type look struct {
		count   int64
		created registry.Timestamp
		kind    pulls.Kind // none: nothing is written
		pulls   int64
	}
	same := created(1)
	for name, looks := range map[string][]look{
		"rise":                    {{101, same, pulls.Increase, 1}, {150, same, pulls.Increase, 49}},
		"no change":               {{100, same, none, 0}, {100, same, none, 0}},
		"falls by half":           {{50, same, pulls.Correction, 0}, {51, same, pulls.Increase, 1}},
		"falls by more than half": {{49, same, pulls.Suspect, 0}},
		"glitch to zero":          {{0, same, pulls.Suspect, 0}, {100, same, pulls.Recovered, 0}, {103, same, pulls.Increase, 3}},
		"glitch hides pulls":      {{0, same, pulls.Suspect, 0}, {104, same, pulls.Recovered, 4}},
		"reset goes on":           {{3, same, pulls.Suspect, 0}, {5, same, pulls.Reset, 5}, {9, same, pulls.Increase, 4}},
		"reset stands still":      {{3, same, pulls.Suspect, 0}, {3, same, pulls.Reset, 3}, {3, same, none, 0}},
		"reset falls further":     {{30, same, pulls.Suspect, 0}, {2, same, pulls.Reset, 2}},
		"made anew, lower":        {{4, created(2), pulls.Reset, 4}, {6, created(2), pulls.Increase, 2}},
		"made anew, same count":   {{100, created(2), pulls.Reset, 100}},
		"made anew, higher":       {{120, created(2), pulls.Reset, 120}},
		"made anew while suspect": {{0, same, pulls.Suspect, 0}, {100, created(2), pulls.Reset, 100}},
		"create time unknown":     {{100, registry.Timestamp{}, none, 0}, {100, same, none, 0}, {1, created(2), pulls.Reset, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, _ := pulls.First(pulls.Observation{Count: 100, Created: same}, false)
			generation := int32(1)
			for i, l := range looks {
				next, c, changed := pulls.Next(state, pulls.Observation{Count: l.count, Created: l.created})
				if state.Created.Differs(l.created) {
					generation++
				}
				if changed != (l.kind != none) {
					t.Fatalf("look %d: changed = %t", i, changed)
				}
				if want := (pulls.Change{Kind: l.kind, Count: l.count, Pulls: l.pulls, Generation: generation}); changed && c != want {
					t.Fatalf("look %d: got %+v, want %+v", i, c, want)
				}
				state = next
			}
		})
	}
}

func TestFallOfOddCount(t *testing.T) {
	t.Parallel()
	for count, want := range map[int64]pulls.Kind{6: pulls.Correction, 5: pulls.Suspect} {
		_, c, _ := pulls.Next(pulls.State{Kind: pulls.Baseline, Count: 11, Generation: 1}, pulls.Observation{Count: count})
		if c.Kind != want {
			t.Errorf("11 -> %d is %v, want %v", count, c.Kind, want)
		}
	}
}

// A counter that only ever rises, read through glitches to lower values that last one look each, gives exactly its pulls.
func TestGlitchesAddNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		truth := rapid.Int64Range(1, 1e6).Draw(t, "start")
		start := truth
		state, _ := pulls.First(pulls.Observation{Count: truth}, false)
		var sum int64
		see := func(count int64) {
			next, c, changed := pulls.Next(state, pulls.Observation{Count: count})
			if changed {
				sum += c.Pulls
			}
			state = next
		}
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			truth += rapid.Int64Range(0, 1000).Draw(t, "pulled")
			if rapid.Bool().Draw(t, "glitch") {
				see(rapid.Int64Range(0, (state.Count-1)/2).Draw(t, "glitched"))
			}
			see(truth)
		}
		if want := truth - start; sum != want {
			t.Fatalf("counted %d pulls, want %d", sum, want)
		}
	})
}

// Whatever is read, pulls are never negative, an unchanged believed count writes nothing, and the state is the reading.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, registry.MaxPullCount))
		state, _ := pulls.First(pulls.Observation{Count: count.Draw(t, "first")}, rapid.Bool().Draw(t, "known"))
		for range rapid.IntRange(1, 50).Draw(t, "looks") {
			o := pulls.Observation{Count: count.Draw(t, "count")}
			if rapid.IntRange(0, 5).Draw(t, "anew") == 0 {
				o.Created = created(rapid.IntRange(1, 3).Draw(t, "created"))
			}
			next, c, changed := pulls.Next(state, o)
			switch {
			case changed && c.Pulls < 0:
				t.Fatalf("negative pulls %+v", c)
			case next.Count != o.Count:
				t.Fatalf("state holds %d after %d was read", next.Count, o.Count)
			case !changed && state.Kind == pulls.Suspect:
				t.Fatal("a look after suspect must decide")
			case changed && c.Kind != pulls.Suspect && next.Before != 0:
				t.Fatalf("doubt outlives its decision: %+v", next)
			}
			if _, _, again := pulls.Next(next, o); again != (next.Kind == pulls.Suspect) {
				t.Fatalf("the same observation again: changed = %t after %v", again, next.Kind)
			}
			state = next
		}
	})
}
