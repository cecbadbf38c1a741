package walk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"syncer/internal/registry"
)

// many reads lists of the given lengths one after the other with what one run keeps of its server, as a run does.
func many(t *testing.T, h *Habits, v server, asked int, lengths ...int) (requests int) {
	t.Helper()
	for _, n := range lengths {
		s := newSim(rand.New(rand.NewPCG(1, 1)), byName, churn{}, n, asked, false)
		s.server = v
		got, err := Read(t.Context(), s, h)
		if err != nil {
			t.Fatalf("list of %d: %v", n, err)
		}
		if len(got.Images) != n || got.Evidence != registry.Complete {
			t.Errorf("%d images of %d, evidence %v, server %+v", len(got.Images), n, got.Evidence, v)
		}
		requests += s.requests
	}
	return requests
}

// TestCutPagesVouchForNothing reads lists through one reader from servers that cut pages short, whatever they give as TotalCount. A list of
// just the length at which pages are cut comes first: it must not teach that the next such page is a whole list.
func TestCutPagesVouchForNothing(t *testing.T) {
	t.Parallel()
	for totals := totalsTrue; totals <= totalsLarger; totals++ {
		for _, cut := range []int{1, 2, 3, 7, 20} {
			t.Run(fmt.Sprintf("%v/cut at %d", totals, cut), func(t *testing.T) {
				t.Parallel()
				h := NewHabits(100)
				v := server{cut: cut, totals: totals}
				many(t, h, v, 100, cut, 50, 257, cut, cut+1, 2*cut, cut, 50, 1, 2, 3)
				if totals != totalsLarger { // an empty answer that says there are rows keeps them back
					many(t, h, v, 100, 0)
				}
				many(t, h, server{totals: totals}, 100, 5, 50, 99, 100, 101, cut) // the server gives longer pages for a while
				many(t, h, v, 100, 50, cut, cut+1, 5)
			})
		}
	}
}

// TestServerChangesInARun lets a server that told the truth begin to cut pages and to give their length as TotalCount.
func TestServerChangesInARun(t *testing.T) {
	t.Parallel()
	for totals := totalsTrue; totals <= totalsLarger; totals++ {
		h := NewHabits(100)
		many(t, h, server{}, 100, 250, 5, 5, 8, 8, 5, 50, 50, 20, 20, 20) // lists of just the length it is to cut at, too
		many(t, h, server{cut: 20, totals: totals}, 100, 25, 50, 20, 21, 257, 5)
		many(t, h, server{}, 100, 20, 50, 257)
	}
}

// TestDriftingListsThroughOneReader reads many lists with what one run keeps of its server, while the lists move and the server changes how it
// cuts them, between lists and in the middle of one. Whatever it gives as TotalCount, nothing is missing from what is called complete.
func TestDriftingListsThroughOneReader(t *testing.T) {
	t.Parallel()
	cuts := []int{0, 0, 1, 2, 3, 4, 5, 7, 10}
	rates := []churn{{}, {0.02, 0.01, 0.01}, {0.1, 0.05, 0.05}, {0.6, 0.3, 0.3}}
	complete := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 7))
		h := NewHabits(10)
		v := server{totals: totals(rng.IntN(int(totalsLarger) + 1))}
		rate, within := rates[rng.IntN(len(rates))], rng.IntN(2) == 0
		for range 40 {
			if rng.IntN(8) == 0 {
				v.cut = cuts[rng.IntN(len(cuts))]
			}
			s := newSim(rng, order(rng.IntN(int(anyOrder))), rate, rng.IntN(40), 10, rng.IntN(2) == 0)
			s.server = v
			if within {
				s.happen = func() {
					s.live()
					if rng.IntN(10) == 0 {
						s.cut = cuts[rng.IntN(len(cuts))]
					}
				}
			}
			got, err := Read(t.Context(), s, h)
			if err != nil {
				t.Fatal(err)
			}
			if got.Evidence != registry.Complete {
				continue
			}
			complete++
			if lost := s.lost(got.Began, got.Images); lost > 0 {
				t.Errorf("seed %d: %d images lost, server %+v, order %v, %d walks", seed, lost, s.server, s.order, got.Walks)
			}
		}
	}
	if complete < 2000 {
		t.Errorf("only %d reads were complete", complete)
	}
}

// TestShortListsCostTwoRequests counts what is paid for looking behind lists that fit into a page.
func TestShortListsCostTwoRequests(t *testing.T) {
	t.Parallel()
	h := NewHabits(100)
	for _, n := range []int{1, 2, 10, 99} {
		if got := many(t, h, server{}, 100, slices.Repeat([]int{n}, 100)...); got != 200 {
			t.Errorf("%d requests for 100 lists of %d", got, n)
		}
	}
	if got := many(t, h, server{}, 100, 0, 0); got != 2 {
		t.Errorf("%d requests for two empty lists", got)
	}
}

// TestPageSize follows a server that refuses large pages, begins to, or does so for one list.
func TestPageSize(t *testing.T) {
	t.Parallel()
	h := NewHabits(1000)
	if got := many(t, h, server{most: 60}, 1000, 250, 5, 40); h.size() != 50 {
		t.Errorf("asks for %d after %d requests", h.size(), got)
	}
	many(t, h, server{most: 30}, 1000, 250, 40)
	many(t, h, server{most: 30}, 1000, 250)
	if h.size() != 20 {
		t.Errorf("asks for %d of a server that lowered its maximum to 30", h.size())
	}
	h.Reset()
	many(t, h, server{}, 1000, 50)
	many(t, h, server{most: 60}, 1000, 250)
	many(t, h, server{}, 1000, 50)
	many(t, h, server{most: 60}, 1000, 250)
	if h.size() != 1000 {
		t.Errorf("asks all lists for %d as one takes no more", h.size())
	}
}

// TestMaximumLoweredInMidWalk lowers the maximum after some pages of a list.
func TestMaximumLoweredInMidWalk(t *testing.T) {
	t.Parallel()
	for after := 1; after < 8; after++ {
		s := newSim(rand.New(rand.NewPCG(1, 1)), byName, churn{}, 700, 100, false)
		s.happen = func() {
			if s.requests > after {
				s.most = 30
			}
		}
		got, err := Read(t.Context(), s, NewHabits(100))
		if err != nil || len(got.Images) != 700 || got.Evidence != registry.Complete {
			t.Errorf("after %d pages: %d images, evidence %v: %v", after, len(got.Images), got.Evidence, err)
		}
	}
}

// TestRefusalBehindTheEnd reads lists to their end from a server that refuses an offset that no row has.
func TestRefusalBehindTheEnd(t *testing.T) {
	t.Parallel()
	many(t, NewHabits(100), server{inside: true}, 100, 1, 1, 2, 3, 99, 100, 101, 250, 1)
	many(t, NewHabits(100), server{inside: true, totals: totalsMissing}, 100, 1, 1, 2, 3, 99, 100, 101, 250, 1)
	many(t, NewHabits(1), server{inside: true}, 1, 1, 2, 5)
	many(t, NewHabits(100), server{inside: true, cut: 1}, 100, 1, 2, 5)
}

// TestWindow reads lists of which the registry gives only so much. What it gives is kept, and never called all there is.
func TestWindow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server server
		want   int
		why    string
	}{
		"window of 300": {server{window: 300}, 300, "rows from 300 on could not be read: RetCode 230"},
		"window of 301": {server{window: 301}, 301, "RetCode 230"},
		"offset above":  {server{behind: 350}, 394, "RetCode 1000"},
		"no total":      {server{window: 300, totals: totalsMissing}, 300, "RetCode 230"},
		"small total":   {server{window: 300, totals: totalsPage}, 300, "RetCode 230"},
		"zero total":    {server{window: 300, totals: totalsZero}, 300, "RetCode 230"},
		"larger total":  {server{window: 300, totals: totalsLarger}, 300, "RetCode 230"},
		"cut pages":     {server{window: 300, cut: 40, totals: totalsPage}, 300, "RetCode 230"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(rand.New(rand.NewPCG(1, 1)), byName, churn{}, 500, 100, false)
			s.server = test.server
			got, err := Read(t.Context(), s, NewHabits(100))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Images) != test.want || got.Evidence != registry.Partial || got.Unread == nil || !strings.Contains(got.Unread.Error(), test.why) {
				t.Errorf("%d images, evidence %v, unread %v", len(got.Images), got.Evidence, got.Unread)
			}
			if s.requests > 40 {
				t.Errorf("%d requests", s.requests)
			}
		})
	}
}

// TestListThatCannotBeReadAgain refuses the second walk of a list that moved. What the first saw is kept.
func TestListThatCannotBeReadAgain(t *testing.T) {
	t.Parallel()
	s := newSim(rand.New(rand.NewPCG(1, 1)), byName, churn{}, 8, 6, false)
	s.clocks = clocksMute
	s.happen = func() {
		switch s.requests {
		case 2:
			s.list = []int32{7, 4, 5, 3, 1, 2, 6, 8}
		case 3:
			s.behind = -1
		}
	}
	got, err := Read(t.Context(), s, NewHabits(6))
	if err != nil || len(got.Images) < 8 || got.Evidence != registry.Partial || got.Unread == nil {
		t.Errorf("%d images, evidence %v, unread %v: %v", len(got.Images), got.Evidence, got.Unread, err)
	}
}

// TestNamelessRowsAreCounted reads rows of every kind of use.
func TestNamelessRowsAreCounted(t *testing.T) {
	t.Parallel()
	list := make([]registry.Row, 25)
	for i := range list {
		list[i] = registry.Row{Key: labels[i], Image: registry.Image{Name: labels[i], Counted: true}}
	}
	list[8], list[9], list[24] = registry.Row{Rejections: 1}, registry.Row{Rejections: 1}, registry.Row{Rejections: 1} // two of them in a seam
	list[3].Rejections = 2
	got, err := Read(t.Context(), fixed{list, 10}, NewHabits(10))
	if err != nil || got.Nameless != 3 || got.RejectedTotal != 5 || len(got.Images) != 22 {
		t.Errorf("%d nameless, %d rejections, %d images: %v", got.Nameless, got.RejectedTotal, len(got.Images), err)
	}
}
