package store_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncer/internal/registry"
)

// sight is what one moment says of one image: all of it, nothing is left out because it stood before.
type sight struct {
	at       time.Time
	archived bool
	absent   bool
	weight   int // evidence of absence
	counted  bool
	count    int64
	tag      string // of a look of a run: empty is known to be none
	created  string
	updated  string
}

// moment is what one look says of a repo.
type moment struct {
	at       time.Time
	archived bool
	left     bool // the repo left the lists: a look at nothing
	complete bool
	weight   int
	images   map[string]sight
}

// modelImage is what the words of the design make of one image's sights. It visits each, shares no code with the program and keeps
// lists where the program keeps a state.
type modelImage struct {
	name    string
	rows    []modelRow
	events  []modelEvent
	absence int
	first   time.Time
	absent  time.Time // last complete look before that
	last    sight     // last time it was there
	missing time.Time
	deleted time.Time
	tag     *string
	made    time.Time // last CreateTime understood
	update  string
	counted []sight // sights whose count was read, since the believed count was settled last
	read    int     // how many counts were read
	before  sight   // the last of them
	settled int64   // believed count
	anew    int     // generation
}

type modelRow struct {
	at, since    time.Time
	count, pulls int64
	kind         string
	generation   int
}

type modelEvent struct {
	at        time.Time
	kind      string
	old, neue string
}

// modelRepo is a repo as all that is known of it says it is.
type modelRepo struct {
	name    string
	moments []moment
	images  []*modelImage
}

// understand parses the only notation that stories have.
func understand(created string) time.Time {
	at, err := time.Parse(time.RFC3339, created)
	if err != nil {
		return time.Time{}
	}
	return at
}

// modelOf derives a repo from every look of runs and every observation of archives, in whatever order.
func modelOf(name string, looks []moment, archive []registry.Observation) *modelRepo {
	r := &modelRepo{name: name}
	at := map[time.Time]int{}
	for _, l := range looks {
		at[l.at] = len(r.moments)
		r.moments = append(r.moments, l)
	}
	for _, o := range archive {
		i, known := at[o.At]
		if !known {
			i = len(r.moments)
			at[o.At] = i
			r.moments = append(r.moments, moment{at: o.At, archived: true, images: map[string]sight{}})
		}
		m := &r.moments[i]
		if !m.archived {
			continue // the run says itself what it read
		}
		m.complete = m.complete || o.Look == "complete"
		if o.Image.Name == "" {
			continue
		}
		s := sight{
			at: o.At, archived: true, absent: o.Absent > 0, weight: int(o.Absent), counted: o.Absent == 0, count: o.Image.PullCount,
			tag: o.Image.LatestTag, created: o.Image.Created.Raw, updated: o.Image.Updated.Raw,
		}
		if other, twice := m.images[o.Image.Name]; twice {
			s = together(s, other)
		}
		m.images[o.Image.Name] = s
	}
	slices.SortFunc(r.moments, func(a, b moment) int { return a.at.Compare(b.at) })
	r.derive()
	return r
}

// together is what two archives say of one moment.
func together(a, b sight) sight {
	switch {
	case a.absent && b.absent:
		a.weight = max(a.weight, b.weight)
		return a
	case a.absent || a.count < b.count && !b.absent:
		return b
	case b.absent || b.count < a.count:
		return a
	}
	a.tag, a.created, a.updated = max(a.tag, b.tag), max(a.created, b.created), max(a.updated, b.updated)
	return a
}

func (r *modelRepo) derive() {
	names := map[string]bool{}
	for _, m := range r.moments {
		for name := range m.images {
			names[name] = true
		}
	}
	for name := range names {
		m := &modelImage{name: name}
		for _, l := range r.moments {
			s, there := l.images[name]
			switch {
			case there:
				m.observe(s)
			case !l.archived:
				m.observe(sight{at: l.at, absent: true, weight: l.weight})
			}
		}
		if !m.first.IsZero() {
			r.images = append(r.images, m)
		}
	}
	slices.SortFunc(r.images, func(a, b *modelImage) int { return strings.Compare(a.name, b.name) })
}

func (m *modelImage) event(at time.Time, kind, old, neue string) {
	m.events = append(m.events, modelEvent{at, kind, old, neue})
}

func (m *modelImage) observe(s sight) {
	if s.absent {
		m.unseen(s)
		return
	}
	if m.first.IsZero() {
		m.first = s.at
	}
	switch {
	case !m.deleted.IsZero():
		m.event(s.at, "reappeared", "deleted", "-")
	case !m.missing.IsZero():
		m.event(s.at, "reappeared", "missing", "-")
	}
	m.absence, m.missing, m.deleted, m.last = 0, time.Time{}, time.Time{}, s
	if s.tag != "" || !s.archived {
		if m.tag != nil && s.tag != "" && *m.tag != s.tag {
			m.event(s.at, "tag_pushed", *m.tag, s.tag)
		}
		m.tag = &s.tag
	}
	if s.updated != "" {
		m.update = s.updated
	}
	if s.counted {
		m.count(s)
	}
}

func (m *modelImage) unseen(s sight) {
	if m.first.IsZero() {
		if s.weight == 2 || s.archived && s.weight == 4 {
			m.absent = s.at
		}
		return
	}
	old := "-"
	if m.read > 0 {
		old = strconv.FormatInt(m.before.count, 10)
	}
	m.absence += s.weight
	if m.absence >= 2 && m.missing.IsZero() {
		m.missing = s.at
		m.event(s.at, "missing", old, "-")
	}
	if m.absence >= 4 && m.deleted.IsZero() {
		m.deleted = s.at
		m.event(s.at, "deleted", old, "-")
	}
}

// count judges a count by the table of kinds.
func (m *modelImage) count(s sight) {
	made := understand(s.created)
	row := modelRow{at: s.at, since: m.before.at, count: s.count}
	fallen := slices.IndexFunc(m.counted, func(c sight) bool { return c.count < m.settled })
	lowest := s.count
	for _, c := range m.counted {
		if c.count < m.settled {
			lowest = min(lowest, c.count)
		}
	}
	late := fallen >= 0 && s.at.Sub(m.counted[fallen].at) >= 6*time.Hour
	switch {
	case m.read == 0:
		row.since, row.kind, row.pulls, m.anew = m.absent, "new", s.count, 1
		if m.absent.IsZero() {
			row.kind, row.pulls = "baseline", 0
		}
	case s.count < m.settled && !m.made.IsZero() && made.After(m.made) && !made.Before(m.before.at.Add(-26*time.Hour)):
		row.kind, row.pulls = "reset", s.count
		m.anew++
	case s.count >= m.settled && fallen >= 0:
		row.kind, row.pulls = "recovered", s.count-m.settled
	case s.count > m.settled:
		row.kind, row.pulls = "increase", s.count-m.settled
	case s.count == m.settled:
	case late && lowest < m.settled-lowest:
		row.kind, row.pulls = "reset", s.count
	case late:
		row.kind, row.pulls = "correction", s.count-lowest
	case fallen < 0 || s.count != m.before.count:
		row.kind = "suspect"
	}
	m.read++
	m.before = s
	m.counted = append(m.counted, s)
	if !made.IsZero() {
		m.made = made
	}
	if row.kind == "" {
		return
	}
	if row.kind != "suspect" {
		m.settled, m.counted = s.count, nil
	}
	row.generation = m.anew
	m.rows = append(m.rows, row)
}

// text is a line of a dump, NULL and what is not there a dash.
func text(values ...any) string {
	list := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			list[i] = "-"
		case time.Time:
			list[i] = "-"
			if !v.IsZero() {
				list[i] = strings.TrimSuffix(v.UTC().Format("2006-01-02T15:04:05.999999"), "T00:00:00")
			}
		default:
			list[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(list, "|")
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour) }

// there reports whether the image counted as there at the end of a moment.
func (m *modelImage) there(at time.Time) bool {
	there := !m.first.After(at)
	for _, e := range m.events {
		if !e.at.After(at) && e.kind == "deleted" {
			there = false
		} else if !e.at.After(at) && e.kind == "reappeared" {
			there = true
		}
	}
	return there
}

// modelDumps are the queries that a model answers too.
var modelDumps = map[string]string{
	"history": `SELECT repo, image, observed_at, since, pull_count, pulls, kind, generation FROM reporting.pull_history WHERE source = $1`,
	"days":    `SELECT repo, image, day, pulls, pull_count, resets FROM reporting.pulls_daily WHERE source = $1`,
	"events":  `SELECT repo, image, at, event, old_value, new_value FROM reporting.image_events WHERE source = $1`,
	"images": `SELECT repo, image, pull_count, latest_tag, created_at, updated_at, first_seen_at, last_seen_at, last_pulled_at, missing_since,
deleted_at, generation FROM reporting.images WHERE source = $1`,
	"repo days": `SELECT repo, day, pulls, images, looks, complete_looks FROM reporting.repo_daily WHERE source = $1`,
	"repos":     `SELECT repo, images, pull_count, first_seen_at, last_complete_sync_at FROM reporting.repos WHERE source = $1`,
}

// dump is the model's answer to these queries; days go on to the last.
func (r *modelRepo) dump(out map[string][]string, last time.Time) {
	add := func(what string, values ...any) {
		out[what] = append(out[what], text(append([]any{r.name}, values...)...))
	}
	pulls := map[time.Time]int64{}
	var images, sum int64
	for _, m := range r.images {
		m.dump(add, pulls)
		if m.deleted.IsZero() {
			images, sum = images+1, plus(sum, m.before.count)
		}
	}
	var first, complete time.Time
	looks, whole := map[time.Time]int{}, map[time.Time]int{}
	for _, l := range r.moments {
		if first.IsZero() {
			first = l.at
		}
		looks[dayOf(l.at)]++
		if l.complete || l.left {
			whole[dayOf(l.at)]++
		}
		if l.complete && !l.archived {
			complete = l.at
		}
	}
	if first.IsZero() {
		return
	}
	for day := dayOf(first); !day.After(last); day = day.AddDate(0, 0, 1) {
		if r.awayOn(day) && looks[day] == 0 && pulls[day] == 0 {
			continue
		}
		there := 0
		for _, m := range r.images {
			if m.there(day.Add(24*time.Hour - time.Microsecond)) {
				there++
			}
		}
		add("repo days", day, pulls[day], there, looks[day], whole[day])
	}
	add("repos", images, sum, first, complete)
}

// awayOn reports whether the repo had left the lists before a day and was read again after it, if at all.
func (r *modelRepo) awayOn(day time.Time) bool {
	away := false
	for _, l := range r.moments {
		if !l.archived && dayOf(l.at).Before(day) {
			away = l.left
		}
		if !l.archived && !l.left && dayOf(l.at).Equal(day) {
			return false
		}
	}
	return away
}

func (m *modelImage) dump(add func(what string, values ...any), pulls map[time.Time]int64) {
	type total struct {
		pulls, count int64
		known        bool
		resets       int
	}
	days := map[time.Time]*total{}
	var pulled time.Time
	believed := "-"
	for _, row := range m.rows {
		day := days[dayOf(row.at)]
		if day == nil {
			day = &total{}
			days[dayOf(row.at)] = day
		}
		day.count = row.count
		if row.kind == "baseline" {
			add("history", m.name, row.at, row.since, row.count, nil, row.kind, row.generation)
		} else {
			add("history", m.name, row.at, row.since, row.count, row.pulls, row.kind, row.generation)
			day.known, day.pulls = true, plus(day.pulls, row.pulls)
		}
		if row.kind == "reset" {
			day.resets++
			add("events", m.name, row.at, "reset", believed, row.count)
		}
		if row.kind != "suspect" {
			believed = fmt.Sprint(row.count)
		}
		if row.pulls > 0 {
			pulled = row.at
		}
	}
	for at, day := range days {
		pulls[at] = plus(pulls[at], day.pulls)
		if day.known {
			add("days", m.name, at, day.pulls, day.count, day.resets)
		} else {
			add("days", m.name, at, nil, day.count, day.resets)
		}
	}
	for _, e := range m.events {
		old := e.old
		if e.kind == "tag_pushed" && old == "" {
			old = "-"
		}
		add("events", m.name, e.at, e.kind, old, e.neue)
	}
	tag, count := "-", "-"
	if m.tag != nil && *m.tag != "" {
		tag = *m.tag
	}
	if m.read > 0 {
		count = fmt.Sprint(m.before.count)
	}
	if !m.absent.IsZero() {
		add("events", m.name, m.first, "appeared", nil, tag)
	}
	add("images", m.name, count, tag, m.made, understand(m.update), m.first, m.last.at, pulled, m.missing, m.deleted, max(m.anew, 1))
}
