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
	evidence                int      // of absence; gone at 4
	created                 time.Time
	believed                int64      // highest count since the image was made or a fall was believed
	fallen                  *time.Time // since when counts are below that
	lowest                  int64      // of those
}

// shelf is what the views should say of one repo.
type shelf struct {
	images       map[string]*known
	lastComplete *time.Time
	held         bool
	events       []string
	looks        map[string][4]int64 // by day: looks, complete looks, pulls, images that rose
}

// model follows the looks that were committed: what they saw is the truth at their time, and what that means is written here
// a second time, from the rules, without a word of the program's own.
type model struct{ repos map[string]*shelf }

func newModel() *model { return &model{repos: map[string]*shelf{}} }

func dayText(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// look takes over what a look at a repo saw, of all its list or of a part, and tells whether vanished images are to be held back.
func (m *model) look(repo string, at time.Time, list []fakeapi.Image, whole bool) (held bool) {
	s := m.repos[repo]
	if s == nil {
		s = &shelf{images: map[string]*known{}, looks: map[string][4]int64{}}
		m.repos[repo] = s
	}
	there := map[string]bool{}
	for _, img := range list {
		there[img.Name] = true
		s.see(img, at)
	}
	if whole {
		held = s.miss(there, at)
	}
	day := s.looks[dayText(at)]
	day[0]++
	if whole && !held {
		s.lastComplete = &at
		day[1]++
	}
	day[2], day[3] = s.pulled(dayText(at))
	s.looks[dayText(at)] = day
	return held
}

// pulled sums the pulls of a day, and counts the images that had any.
func (s *shelf) pulled(day string) (pulls, rose int64) {
	for _, k := range s.images {
		if n := k.daily()[day]; n > 0 {
			pulls += n
			rose++
		}
	}
	return pulls, rose
}

func (s *shelf) see(img fakeapi.Image, at time.Time) {
	created := img.Created.Truncate(time.Second) // the registry tells no more
	k := s.images[img.Name]
	if k == nil {
		k = &known{
			Count: img.Pulls, Generation: 1, FirstSeen: at, LastSeen: at, Tag: img.Tag,
			believed: img.Pulls, created: created,
		}
		s.images[img.Name] = k
		r := row{At: at, Count: img.Pulls, Kind: "baseline", Generation: 1}
		if s.lastComplete != nil {
			r.Kind, r.Since, r.Pulls = "new", s.lastComplete, &img.Pulls
			k.event(at, "appeared")
		}
		k.History = append(k.History, r)
		return
	}
	if k.MissingSince != nil {
		k.event(at, "reappeared")
	}
	if img.Tag != k.Tag {
		k.event(at, "tag_pushed")
	}
	since := k.LastSeen
	kind, pulls := k.count(img.Pulls, created, at)
	k.MissingSince, k.DeletedAt, k.evidence, k.Tag = nil, nil, 0, img.Tag
	k.Count, k.created, k.LastSeen = img.Pulls, created, at
	if kind == "" {
		return
	}
	if kind == "reset" {
		k.event(at, "reset")
	}
	if kind != "suspect" {
		k.believed, k.fallen = img.Pulls, nil
	}
	k.History = append(k.History, row{At: at, Since: &since, Count: img.Pulls, Pulls: &pulls, Kind: kind, Generation: k.Generation})
}

// count says what a count means. What was made anew is younger than what was known before, and not much older than the look
// that saw that: time zones explain 26 hours.
func (k *known) count(n int64, created, at time.Time) (kind string, pulls int64) {
	switch anew := created.After(k.created) && !created.Before(k.LastSeen.Add(-26*time.Hour)); {
	case n >= k.believed && k.fallen != nil:
		return "recovered", n - k.believed
	case n > k.believed:
		return "increase", n - k.believed
	case n == k.believed:
		return "", 0
	case anew:
		k.Generation++
		return "reset", n
	case k.fallen == nil:
		k.fallen, k.lowest = &at, n
		return "suspect", 0
	}
	k.lowest = min(k.lowest, n)
	switch {
	case at.Sub(*k.fallen) >= 6*time.Hour && 2*k.lowest < k.believed:
		return "reset", n
	case at.Sub(*k.fallen) >= 6*time.Hour:
		return "correction", n - k.lowest
	case n != k.Count:
		return "suspect", 0
	}
	return "", 0
}

func (k *known) event(at time.Time, what string) { k.Events = append(k.Events, eventText(at, what)) }

func eventText(at time.Time, what string) string {
	return at.UTC().Format(time.RFC3339Nano) + " " + what
}

// miss adds a complete look to the evidence against the images that are not in it.
func (s *shelf) miss(there map[string]bool, at time.Time) (held bool) {
	vanished := 0
	for name, k := range s.images {
		if !there[name] && k.evidence == 0 {
			vanished++
		}
	}
	held = vanished > max(10, (len(there)+vanished)*15/100) || len(there) == 0 && vanished > 0
	switch {
	case held && !s.held:
		s.events = append(s.events, eventText(at, "held"))
	case s.held && !held:
		s.events = append(s.events, eventText(at, "released"))
	}
	if s.held = held; held {
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
