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
	before                  int64 // count before a doubtful drop
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

// look takes over what a look at a repo saw, and tells whether vanished images are to be held back.
func (m *model) look(repo string, at time.Time, list []fakeapi.Image) (held bool) {
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
	held = s.miss(there, at)
	day := s.looks[dayText(at)]
	day[0]++
	day[2] += pulls
	if !held {
		s.lastComplete = &at
		day[1]++
	}
	s.looks[dayText(at)] = day
	return held
}

func (s *shelf) see(img fakeapi.Image, at time.Time) (pulls int64) {
	k := s.images[img.Name]
	if k == nil {
		k = &known{Generation: 1, FirstSeen: at, Tag: img.Tag}
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
	pulled := int64(0)
	doubtful := len(k.History) > 0 && k.History[len(k.History)-1].Kind == "suspect"
	switch {
	case !img.Created.Equal(k.created):
		r.Kind, pulled = "reset", img.Pulls
		r.Generation++
	case doubtful && img.Pulls >= k.before:
		r.Kind, pulled = "recovered", img.Pulls-k.before
	case doubtful:
		r.Kind, pulled = "reset", img.Pulls
	case img.Pulls > k.Count:
		r.Kind, pulled = "increase", img.Pulls-k.Count
	case img.Pulls == k.Count:
		k.LastSeen = at
		return 0
	case 2*(k.Count-img.Pulls) <= k.Count:
		r.Kind = "correction"
	default:
		r.Kind, k.before = "suspect", k.Count
	}
	if r.Kind == "reset" {
		k.event(at, "reset")
	}
	r.Pulls = &pulled
	return k.took(r, img, at)
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
