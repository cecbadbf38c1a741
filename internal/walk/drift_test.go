package walk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"syncer/internal/registry"
)

// order is how a simulated list is kept.
type order int

const (
	newestFirst order = iota // a push moves an image to the head, a new one stands there
	byName                   // a push moves nothing, a new one stands anywhere
	oldestFirst              // a push moves nothing, a new one stands at the end
	byPulls                  // pulls move an image towards the head, a new one stands at the end
	anyOrder                 // images change places as they like
)

func (o order) String() string {
	return [...]string{"newest-first", "by-name", "oldest-first", "by-pulls", "any-order"}[o]
}

// churn says how often what happens to a list, in events per request.
type churn struct{ push, insert, remove float64 }

// clocks says what the times in a list's rows are worth.
type clocks int

const (
	clocksTrue  clocks = iota
	clocksMute         // rows bear no times
	clocksStale        // all times are old
	clocksHalf         // changes bear the time, new images an old one
)

func (k clocks) String() string {
	return [...]string{"true-times", "no-times", "stale-times", "half-times"}[k]
}

// sim is a list that changes between requests. It is a Pager.
type sim struct {
	server

	rng    *rand.Rand
	order  order
	churn  churn
	size   int  // rows asked for
	mixed  bool // pages are read eight at a time, in any order
	clocks clocks
	happen func() // in place of churn, if set

	list     []int32
	next     int32 // the next new image
	dead     map[int32]int
	clock    int // requests so far, each of which takes a second
	born     map[int32]int
	pushed   map[int32]int
	requests int
}

// label makes names of numbers once for all simulations.
var labels = func() []string {
	all := make([]string, 1<<16)
	for i := range all {
		all[i] = fmt.Sprintf("i%05d", i)
	}
	return all
}()

func newSim(rng *rand.Rand, o order, c churn, images, size int, mixed bool) *sim {
	s := &sim{rng: rng, order: o, churn: c, size: size, mixed: mixed, dead: map[int32]int{}, born: map[int32]int{}, pushed: map[int32]int{}}
	for range images {
		s.list = append(s.list, s.next)
		s.next++
	}
	return s
}

func (s *sim) Now() time.Time { return simEpoch.Add(time.Duration(s.clock) * time.Second) }

var simEpoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func (s *sim) Pages(_ context.Context, offsets []int, limit int, take func(Answer)) error {
	for window := range slices.Chunk(offsets, 8) {
		if s.mixed {
			window = slices.Clone(window)
			s.rng.Shuffle(len(window), func(i, j int) { window[i], window[j] = window[j], window[i] })
		}
		refused := false
		for _, offset := range window {
			a := s.answer(offset, limit)
			refused = refused || a.Refused != nil
			take(a)
		}
		if refused {
			return nil
		}
	}
	return nil
}

// answer changes the list as its churn says and then gives a page.
func (s *sim) answer(offset, limit int) Answer {
	s.requests++
	s.clock++
	if s.happen != nil {
		s.happen()
	} else {
		s.live()
	}
	rows, a := s.give(s.list, offset, limit)
	a.Page.Total = s.totals.of(len(s.list), len(rows))
	for _, n := range rows {
		image := registry.Image{Name: labels[n], Counted: true}
		image.Created.At, image.Updated.At = s.stamp(s.born[n], s.clocks == clocksTrue), s.stamp(s.pushed[n], s.clocks != clocksStale)
		a.Page.Rows = append(a.Page.Rows, registry.Row{Key: labels[n], Image: image})
	}
	return a
}

// stamp is a moment as a row tells it.
func (s *sim) stamp(at int, truly bool) time.Time {
	switch {
	case s.clocks == clocksMute:
		return time.Time{}
	case at == 0 || !truly:
		return simEpoch.Add(-time.Hour)
	}
	return simEpoch.Add(time.Duration(at) * time.Second)
}

// live lets happen what happens between two requests, in any order.
func (s *sim) live() {
	var events []func()
	for i, event := range []func(){s.push, s.insert, s.remove} {
		for n := []float64{s.churn.push, s.churn.insert, s.churn.remove}[i]; n > 0; n-- {
			if s.rng.Float64() < n {
				events = append(events, event)
			}
		}
	}
	s.rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for _, event := range events {
		event()
	}
}

func (s *sim) push() {
	if len(s.list) == 0 {
		return
	}
	from := s.rng.IntN(len(s.list))
	to := from
	switch s.order {
	case newestFirst:
		to = 0
	case byPulls:
		to = s.rng.IntN(from + 1)
	case anyOrder:
		to = s.rng.IntN(len(s.list))
	}
	n := s.list[from]
	s.pushed[n] = s.clock
	s.list = slices.Insert(slices.Delete(s.list, from, from+1), to, n)
}

func (s *sim) insert() {
	at := s.rng.IntN(len(s.list) + 1)
	switch s.order {
	case newestFirst:
		at = 0
	case oldestFirst, byPulls:
		at = len(s.list)
	}
	s.list = slices.Insert(s.list, at, s.next)
	s.born[s.next], s.pushed[s.next] = s.clock, s.clock
	s.next++
}

func (s *sim) remove() {
	if len(s.list) == 0 {
		return
	}
	at := s.rng.IntN(len(s.list))
	s.dead[s.list[at]] = s.clock
	s.list = slices.Delete(s.list, at, at+1)
}

// lost are the images that lived from the given moment until now and are not among those seen.
func (s *sim) lost(since time.Time, images []registry.Image) int {
	seen := make(map[string]bool, len(images))
	for i := range images {
		seen[images[i].Name] = true
	}
	lost := 0
	for _, n := range s.list {
		if simEpoch.Add(time.Duration(s.born[n])*time.Second).Compare(since) <= 0 && !seen[labels[n]] {
			lost++
		}
	}
	return lost
}

// plain reads a list as everybody does: Offset moved on by Limit until TotalCount is reached.
func (s *sim) plain() (images []registry.Image, counted bool) {
	seen := map[string]bool{}
	steady, rows := true, 0
	var total int64 = -1
	for offset := 0; ; offset += s.size {
		p := s.answer(offset, s.size).Page
		steady = steady && (total < 0 || total == p.Total)
		total = p.Total
		for _, r := range p.Rows {
			rows++
			seen[r.Key] = true
		}
		if len(p.Rows) < s.size || int64(offset+s.size) >= total {
			break
		}
	}
	for name := range seen {
		images = append(images, registry.Image{Name: name})
	}
	return images, steady && rows == len(seen) && int64(rows) == total
}
