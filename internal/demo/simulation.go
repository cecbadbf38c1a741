// Package demo is a made-up company whose images live in a simulated registry: releases, a counter reset, a glitch to zero, an
// outage, a deletion and a new image over simulated weeks. It knows what was truly pulled on each day.
package demo

import (
	"cmp"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"syncer/internal/fakeapi"
)

// SimulationConfig says what is simulated.
type SimulationConfig struct {
	Seed  uint64        // the same seed makes the same history
	Start time.Time     // zero: a new world's time
	Days  int           // how long; 0: 90
	Step  time.Duration // how far a Step goes, in whole hours; 0: one
}

// DayPulls is what is true of one image on one day: how often it was pulled.
type DayPulls struct {
	Day   time.Time // midnight UTC
	Repo  string
	Image string
	Pulls int64 // never 0: such days are left out
}

// Event is something that happened: release, new, deleted, reset, glitch, outage, restored.
type Event struct {
	At    time.Time
	Kind  string
	Repo  string // empty for outage and restored
	Image string
	Tag   string // of a release
}

// Simulation moves a world through time. Steps are for one goroutine; the world and Fault are for all.
type Simulation struct {
	world *fakeapi.World
	rng   *rand.Rand
	start time.Time
	hours int // in all
	hour  int // so many are over
	step  int
	down  atomic.Bool

	images []*simImage
	plan   []happening
	blank  *simImage // shows 0 until the next step
	hidden int64     // its true count
	truth  map[dayKey]int64
	events []Event
}

type dayKey struct {
	day   time.Time
	image *simImage
}

// NewSimulation makes the simulated company's registry as it is at Start: 3 repos with 39 images and their counts so far.
func NewSimulation(c SimulationConfig) *Simulation {
	s := &Simulation{
		world: fakeapi.NewWorld(), rng: rand.New(rand.NewPCG(c.Seed, 1)), start: c.Start.UTC().Truncate(time.Hour),
		hours: 24 * cmp.Or(max(0, c.Days), 90), step: max(1, int(c.Step/time.Hour)), truth: map[dayKey]int64{},
	}
	if c.Start.IsZero() {
		s.start = s.world.Now()
	}
	s.world.SetTime(s.start)
	for _, r := range catalogue {
		s.world.AddRepo(fakeapi.Repo{Name: r.repo, Shared: r.shared, Created: s.start.AddDate(-2, 0, 0).Truncate(time.Hour)})
		for _, p := range r.products {
			s.images = append(s.images, s.stock(r.repo, p))
		}
	}
	s.plan = s.schedule()
	return s
}

// World is the world that is moved.
func (s *Simulation) World() *fakeapi.World { return s.world }

// Step goes one step on and reports whether it could; false after the last day. What it changes is there to be looked at
// until the next Step: a glitch lasts one step, and what is pulled of an image before it is deleted or made anew was
// there to be seen after the step before.
func (s *Simulation) Step() bool {
	if s.hour >= s.hours {
		return false
	}
	if s.blank != nil {
		s.world.SetCount(s.blank.repo, s.blank.name, s.hidden)
		s.blank = nil
	}
	s.happen(s.hour + s.step) // at the step's begin, so that no pull falls between the last look and a deletion
	for end := min(s.hour+s.step, s.hours); s.hour < end; s.hour++ {
		s.live(s.start.Add(time.Duration(s.hour) * time.Hour))
	}
	s.world.SetTime(s.start.Add(time.Duration(s.hour) * time.Hour))
	if s.blank != nil {
		img, _ := s.world.Image(s.blank.repo, s.blank.name)
		s.hidden = img.Pulls
		s.world.SetCount(s.blank.repo, s.blank.name, 0)
	}
	s.weather()
	return true
}

// live passes one hour.
func (s *Simulation) live(at time.Time) {
	day := at.Truncate(24 * time.Hour)
	for _, img := range s.images {
		n := s.poisson(img.mean(at, float64(s.hour)/float64(s.hours)))
		if n == 0 || !s.world.Pull(img.repo, img.name, n) { // one that is deleted is not pulled
			continue
		}
		s.truth[dayKey{day, img}] += n
	}
}

// Fault is for [fakeapi.FaultFunc]: during the outage every call fails, by turns with RetCode 150 and with status 503.
func (s *Simulation) Fault(q fakeapi.Request) fakeapi.Fault {
	switch {
	case !s.down.Load():
		return nil
	case q.N%2 == 0:
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		}
	default:
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			_, _ = io.WriteString(w, `{"RetCode":150,"Message":"Service unavailable"}`) // who called may be gone
		}
	}
}

// Pulls is the truth so far, by day, repo and image. Pulls during the outage are in it.
func (s *Simulation) Pulls() []DayPulls {
	all := make([]DayPulls, 0, len(s.truth))
	for k, n := range s.truth {
		all = append(all, DayPulls{k.day, k.image.repo, k.image.name, n})
	}
	slices.SortFunc(all, func(a, b DayPulls) int {
		return cmp.Or(a.Day.Compare(b.Day), strings.Compare(a.Repo, b.Repo), strings.Compare(a.Image, b.Image))
	})
	return all
}

// Events is what has happened so far, in order of time.
func (s *Simulation) Events() []Event { return slices.Clone(s.events) }
