package demo

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"syncer/internal/fakeapi"
)

// simImage is an image of the simulated company.
type simImage struct {
	product
	repo     string
	trend    float64 // how much more, or less, it is pulled at the end than at the start
	release  int
	released time.Time
}

// happening is something planned.
type happening struct {
	hour int
	what func(at time.Time)
}

// stock makes an image that has been there for a while.
func (s *Simulation) stock(repo string, p product) *simImage {
	age := time.Duration(60+s.rng.IntN(600)) * 24 * time.Hour
	created := s.start.Add(-age).Add(time.Duration(s.rng.IntN(24*3600)) * time.Second).Truncate(time.Second)
	img := &simImage{product: p, repo: repo, trend: -0.3 + 1.1*s.rng.Float64()}
	pulls := int64(age.Hours() * p.rate * (0.2 + 0.3*s.rng.Float64()))
	if p.rate == 0 {
		pulls = s.rng.Int64N(5000)
	}
	updated := created.Add(time.Duration(s.rng.Float64() * float64(age) / 2)).Truncate(time.Second)
	s.world.PutImages(repo, fakeapi.Image{Name: p.name, Pulls: pulls, Tag: img.tagName(), Created: created, Updated: updated})
	return img
}

func (i *simImage) tagName() string {
	if i.tag == "" {
		return "latest"
	}
	return fmt.Sprintf("%s.%d", i.tag, i.release)
}

// mean is how often an image is pulled in the hour from at, on average. Working days rise to noon, nights and weekends are
// quiet, and a release is fetched everywhere in the two days after it.
func (i *simImage) mean(at time.Time, elapsed float64) float64 {
	m := i.rate * (1 + i.trend*elapsed)
	m *= 0.2 + 0.8*max(0, math.Sin(math.Pi*float64(at.Hour()-5)/16))
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		m *= 0.35
	}
	if !i.released.IsZero() {
		m *= 1 + 2*math.Exp(-at.Sub(i.released).Hours()/24)
	}
	return m
}

// poisson draws from a Poisson distribution: by Knuth's product for small means, else by the normal one that it nears.
func (s *Simulation) poisson(mean float64) int64 {
	if mean <= 0 {
		return 0
	}
	if mean > 30 {
		return max(0, int64(math.Round(mean+math.Sqrt(mean)*s.rng.NormFloat64())))
	}
	n, product, limit := int64(-1), 1.0, math.Exp(-mean)
	for product > limit {
		product *= s.rng.Float64()
		n++
	}
	return n
}

// schedule plans what happens: releases every one to five weeks at ten on a working day, and the odd things at fixed parts
// of the whole, none near another.
func (s *Simulation) schedule() []happening {
	var plan []happening
	part := func(p float64) int { return int(p * float64(s.hours)) }
	for _, img := range s.images {
		if img.tag == "" {
			continue
		}
		for day := s.rng.IntN(20); day*24 < s.hours; day += 7 + s.rng.IntN(28) {
			hour := s.workday(day)*24 + (34-s.start.Hour())%24
			plan = append(plan, happening{hour, func(at time.Time) { s.push(img, at) }})
		}
	}
	plan = append(plan,
		happening{part(0.25), func(at time.Time) { s.blank = s.find(glitched); s.tell(at, "glitch", s.blank) }},
		happening{part(0.35), func(at time.Time) { s.remake(s.find(remade), at) }},
		happening{part(0.42), func(at time.Time) { s.introduce(at) }},
		happening{part(0.50), func(at time.Time) { s.drop(s.find(dropped), at) }},
	)
	slices.SortStableFunc(plan, func(a, b happening) int { return cmp.Compare(a.hour, b.hour) })
	return plan
}

// workday is the day, or the Monday after it when it is on a weekend.
func (s *Simulation) workday(day int) int {
	switch s.start.AddDate(0, 0, day).Weekday() {
	case time.Saturday:
		return day + 2
	case time.Sunday:
		return day + 1
	default:
		return day
	}
}

// happen does what is planned for before the hour end.
func (s *Simulation) happen(end int) {
	at := s.start.Add(time.Duration(s.hour) * time.Hour)
	s.world.SetTime(at)
	for len(s.plan) > 0 && s.plan[0].hour < end {
		s.plan[0].what(at)
		s.plan = s.plan[1:]
	}
}

// weather begins and ends the outage: whole days of UTC, two when there is time, so that they are days without a look.
func (s *Simulation) weather() {
	now := s.world.Now()
	days := s.hours / 24
	from := s.start.AddDate(0, 0, days*7/10).Add(24*time.Hour - 1).Truncate(24 * time.Hour)
	to := from.AddDate(0, 0, min(2, days/5))
	down := !now.Before(from) && now.Before(to)
	if s.down.Swap(down) == down {
		return
	}
	kind := "restored"
	if down {
		kind = "outage"
	}
	s.events = append(s.events, Event{At: now, Kind: kind})
}

func (s *Simulation) push(img *simImage, at time.Time) {
	img.release++
	if s.world.Push(img.repo, img.name, img.tagName()) { // one that is deleted is not released
		img.released = at
		s.tell(at, "release", img)
	}
}

func (s *Simulation) remake(img *simImage, at time.Time) {
	s.world.RemoveImage(img.repo, img.name)
	s.world.PutImages(img.repo, fakeapi.Image{Name: img.name, Tag: img.tagName()})
	s.tell(at, "reset", img)
}

func (s *Simulation) introduce(at time.Time) {
	img := &simImage{product: product{born, 5, "0.1"}, repo: "acme_web", trend: 1, released: at}
	s.images = append(s.images, img)
	s.world.PutImages(img.repo, fakeapi.Image{Name: img.name, Tag: img.tagName()})
	s.tell(at, "new", img)
}

func (s *Simulation) drop(img *simImage, at time.Time) {
	s.world.RemoveImage(img.repo, img.name)
	s.tell(at, "deleted", img)
}

func (s *Simulation) tell(at time.Time, kind string, img *simImage) {
	e := Event{At: at, Kind: kind, Repo: img.repo, Image: img.name}
	if kind == "release" {
		e.Tag = img.tagName()
	}
	s.events = append(s.events, e)
}

func (s *Simulation) find(name string) *simImage {
	i := slices.IndexFunc(s.images, func(i *simImage) bool { return i.name == name })
	return s.images[i]
}
