package chaos_test

import (
	"maps"
	"slices"
	"time"

	"syncer/internal/fakeapi"
)

// row is a row of reporting.pull_history.
type row struct {
	At         time.Time
	Since      *time.Time
	Count      int64
	Pulls      *int64
	Kind       string
	Generation int64
}

// known is what the views should say of one image.
type known struct {
	Count, Generation       int64
	Tag                     string
	FirstSeen, LastSeen     time.Time
	MissingSince, DeletedAt *time.Time
	History                 []row
	Events                  []string // time and event
	evidence                int
	believed, lowest        int64     // the count that is believed, and the lowest since it fell
	fallen                  time.Time // when it was first seen below; zero: it is not
	created                 time.Time
}

// shelf is what the views should say of one repo.
type shelf struct {
	images       map[string]*known
	lastComplete *time.Time
	looks        map[string][3]int64 // by day: looks, complete looks, pulls
}

// model follows the looks that were committed: what they saw is the truth at their time, and what that means is written here
// a second time, from the rules, without a word of the program's own.
type model struct{ repos map[string]*shelf }

func newModel() *model { return &model{repos: map[string]*shelf{}} }

func dayText(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// look takes over what a look at a repo saw, and reports whether vanished images are to be held back. A look that drifted
// saw a part of the list, and proves nothing of the rest.
func (m *model) look(repo string, at time.Time, list []fakeapi.Image, drifted bool) (held bool) {
	s := m.repos[repo]
	if s == nil {
		s = &shelf{images: map[string]*known{}, looks: map[string][3]int64{}}
		m.repos[repo] = s
	}
	there := map[string]bool{}
	var pulls int64
	for _, img := range list {
		there[img.Name] = true
		pulls += s.see(img, at)
	}
	if !drifted {
		held = s.miss(there, at)
	}
	day := s.looks[dayText(at)]
	day[0]++
	day[2] += pulls
	if !held && !drifted {
		s.lastComplete = &at
		day[1]++
	}
	s.looks[dayText(at)] = day
	return held
}

func (s *shelf) see(img fakeapi.Image, at time.Time) (pulls int64) {
	k := s.images[img.Name]
	if k == nil {
		k = &known{Generation: 1, FirstSeen: at, Tag: img.Tag, believed: img.Pulls}
		s.images[img.Name] = k
		r := row{At: at, Count: img.Pulls, Kind: "baseline", Generation: 1}
		if s.lastComplete != nil {
			r.Kind, r.Since, r.Pulls = "new", s.lastComplete, &img.Pulls
			k.event(at, "appeared")
		}
		return k.took(r, img, at)
	}
	if k.MissingSince != nil {
		k.event(at, "reappeared")
	}
	if img.Tag != k.Tag {
		k.event(at, "tag_pushed")
	}
	k.MissingSince, k.DeletedAt, k.evidence, k.Tag = nil, nil, 0, img.Tag
	since := k.LastSeen
	r := row{At: at, Since: &since, Count: img.Pulls, Generation: k.Generation}
	r.Kind, r.Pulls = k.judge(img, since, at)
	if r.Kind == "" {
		k.LastSeen, k.Count = at, img.Pulls
		return 0
	}
	if r.Kind == "reset" {
		k.event(at, "reset")
		if k.anew(img, since) {
			r.Generation++
		}
	}
	if r.Kind != "suspect" {
		k.believed, k.fallen = img.Pulls, time.Time{}
	}
	return k.took(r, img, at)
}

// anew reports whether the image was made anew: fewer pulls, and a later time of its making that is not long past.
func (k *known) anew(img fakeapi.Image, since time.Time) bool {
	return img.Pulls < k.believed && img.Created.After(k.created) && !img.Created.Before(since.Add(-26*time.Hour))
}

// judge is what a count means: nothing, or a kind and pulls.
func (k *known) judge(img fakeapi.Image, since, at time.Time) (kind string, pulls *int64) {
	count := img.Pulls
	fell := !k.fallen.IsZero()
	if !fell {
		k.lowest = count
	}
	switch {
	case k.anew(img, since):
		return "reset", &count
	case count >= k.believed && fell:
		above := count - k.believed
		return "recovered", &above
	case count > k.believed:
		above := count - k.believed
		return "increase", &above
	case count == k.believed:
		return "", nil
	}
	none := int64(0)
	k.lowest = min(k.lowest, count)
	switch {
	case !fell:
		k.fallen = at
		return "suspect", &none
	case at.Sub(k.fallen) >= 6*time.Hour && 2*k.lowest < k.believed:
		return "reset", &count
	case at.Sub(k.fallen) >= 6*time.Hour:
		up := count - k.lowest
		return "correction", &up
	case count != k.Count:
		return "suspect", &none
	}
	return "", nil
}

func (k *known) took(r row, img fakeapi.Image, at time.Time) int64 {
	k.History = append(k.History, r)
	k.Count, k.Generation, k.created, k.LastSeen = r.Count, r.Generation, img.Created, at
	if r.Pulls == nil {
		return 0
	}
	return *r.Pulls
}

func (k *known) event(at time.Time, what string) {
	k.Events = append(k.Events, at.UTC().Format(time.RFC3339Nano)+" "+what)
}

// miss adds a complete look to the evidence against the images that are not in it.
func (s *shelf) miss(there map[string]bool, at time.Time) (held bool) {
	vanished := 0
	for name, k := range s.images {
		if !there[name] && k.MissingSince == nil {
			vanished++
		}
	}
	if vanished > max(10, (len(there)+vanished)*15/100) || len(there) == 0 && vanished > 0 {
		return true
	}
	for name, k := range s.images {
		if there[name] || k.DeletedAt != nil {
			continue
		}
		k.evidence += 2
		if k.MissingSince == nil {
			k.MissingSince = &at
			k.event(at, "missing")
		}
		if k.evidence >= 4 {
			k.DeletedAt = &at
			k.event(at, "deleted")
		}
	}
	return false
}

// daily is what reporting.pulls_daily should say of an image: pulls by day, -1 where they are unknown.
func (k *known) daily() map[string]int64 {
	days := map[string]int64{}
	for _, r := range k.History {
		day := dayText(r.At)
		sum, found := days[day]
		switch {
		case r.Pulls == nil && !found:
			days[day] = -1
		case r.Pulls != nil:
			days[day] = max(sum, 0) + *r.Pulls
		}
	}
	return days
}

// live counts the images that are not deleted, and their last counts.
func (s *shelf) live() (images, count int64) {
	for _, k := range s.images {
		if k.DeletedAt == nil {
			images++
			count += k.Count
		}
	}
	return images, count
}

func (m *model) names() []string { return slices.Sorted(maps.Keys(m.repos)) }
