package walk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"syncer/internal/registry"
)

// tally adds up many simulated reads of one kind.
type tally struct {
	reads, complete int
	lost            int // reads called complete that lack an image which was there all the time
	unionLost       int // reads not called complete that lack one
	requests        int
	plainLost       int
	countLost       int // plain reads that pass every check by counting and lack one
	plainRequests   int
}

func simulate(t *tally, rng *rand.Rand, h *Habits, o order, c churn, images, size int, mixed bool, k clocks) {
	s := newSim(rng, o, c, images, size, mixed)
	s.clocks = k
	v, err := Read(context.Background(), s, h)
	if err != nil {
		panic(err)
	}
	t.reads++
	t.requests += s.requests
	lost := s.lost(v.Began, v.Images)
	if v.Evidence == registry.Complete {
		t.complete++
		if lost > 0 {
			t.lost++
		}
	} else if lost > 0 {
		t.unionLost++
	}

	s = newSim(rng, o, c, images, size, false)
	all, counted := s.plain()
	t.plainRequests += s.requests
	if s.lost(simEpoch.Add(time.Second), all) > 0 {
		t.plainLost++
		if counted {
			t.countLost++
		}
	}
}

// BenchmarkDrift reads lists that move and prints in how many of a million reads an image that was there all the time is missing:
// from plain paging, from plain paging that passed every check by counting, from what is called complete here, and from the
// unions that are not. With -benchtime=125000x the eight lines of lists in order, whose rows tell the time, are a million reads.
func BenchmarkDrift(b *testing.B) {
	rates := []struct {
		name  string
		churn churn
	}{{"low", churn{0.02, 0.01, 0.01}}, {"high", churn{0.6, 0.3, 0.3}}}
	for _, k := range []clocks{clocksTrue, clocksMute, clocksStale, clocksHalf} {
		for _, o := range []order{newestFirst, byName, oldestFirst, byPulls, anyOrder} {
			for _, rate := range rates {
				for _, mixed := range []bool{false, true} {
					b.Run(fmt.Sprintf("%v/%v/%s/mixed=%v", k, o, rate.name, mixed), func(b *testing.B) { drift(b, o, rate.churn, mixed, k) })
				}
			}
		}
	}
}

func drift(b *testing.B, o order, c churn, mixed bool, k clocks) {
	b.Helper()
	var t tally
	h := NewHabits(10) // one for all lists, as in a run
	rng := rand.New(rand.NewPCG(1, uint64(o)))
	for b.Loop() {
		simulate(&t, rng, h, o, c, 20+rng.IntN(60), 10, mixed, k)
	}
	million := func(n, of int) float64 { return float64(n) / float64(max(1, of)) * 1e6 }
	b.ReportMetric(million(t.plainLost, t.reads), "plain-lost/M")
	b.ReportMetric(million(t.countLost, t.reads), "counted-lost/M")
	b.ReportMetric(million(t.lost, t.complete), "complete-lost/M")
	b.ReportMetric(million(t.unionLost, t.reads-t.complete), "union-lost/M")
	b.ReportMetric(100*float64(t.complete)/float64(t.reads), "%complete")
	b.ReportMetric(float64(t.requests)/float64(t.plainRequests), "requests/plain")
}

// BenchmarkDriftOfLiars reads lists that move from servers that cut pages as they like, begin and cease to in the middle of a list, and lie in
// TotalCount, all through one reader. It prints in how many of a million reads that are called complete an image is missing.
func BenchmarkDriftOfLiars(b *testing.B) {
	for totals := totalsTrue; totals <= totalsLarger; totals++ {
		b.Run(totals.String(), func(b *testing.B) {
			cuts := []int{0, 0, 1, 2, 3, 4, 5, 7, 10}
			rates := []churn{{}, {0.02, 0.01, 0.01}, {0.6, 0.3, 0.3}}
			h := NewHabits(10)
			rng := rand.New(rand.NewPCG(1, uint64(totals)))
			var t tally
			v := server{totals: totals}
			for b.Loop() {
				if rng.IntN(8) == 0 {
					v.cut = cuts[rng.IntN(len(cuts))]
				}
				s := newSim(rng, order(rng.IntN(int(anyOrder))), rates[rng.IntN(len(rates))], rng.IntN(40), 10, rng.IntN(2) == 0)
				s.server = v
				s.happen = func() {
					s.live()
					if rng.IntN(20) == 0 {
						s.cut = cuts[rng.IntN(len(cuts))]
					}
				}
				got, err := Read(b.Context(), s, h)
				if err != nil {
					b.Fatal(err)
				}
				t.reads++
				t.requests += s.requests
				if got.Evidence == registry.Complete {
					t.complete++
					if s.lost(got.Began, got.Images) > 0 {
						t.lost++
					}
				}
			}
			b.ReportMetric(float64(t.lost)/float64(max(1, t.complete))*1e6, "complete-lost/M")
			b.ReportMetric(100*float64(t.complete)/float64(t.reads), "%complete")
			b.ReportMetric(float64(t.requests)/float64(t.reads), "requests/read")
		})
	}
}
