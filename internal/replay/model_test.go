package replay_test

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
	"syncer/internal/replay"
)

// seen is what one look or archive says of the image, whole: nothing is left out because it stood before.
type seen struct {
	at       time.Time
	archived bool
	absent   bool
	weight   int8
	counted  bool
	count    int64
	tag      replay.Text
	created  string
}

// model says from the contract's words alone what one image's observations mean. It visits every look, shares no code with
// the replay and keeps whole lists where the replay keeps a state.
type model struct {
	all     []seen // that held the image or not, in the order of time
	counted []seen // observations that counted
	rows    []replay.Row
	events  []replay.Event
	s       replay.State
}

// derive merges and replays. live holds every look.
func derive(live, archived []seen) *model {
	moments := map[time.Time]seen{}
	for _, a := range archived {
		if b, ok := moments[a.at]; ok {
			a = mergeSeen(a, b)
		}
		moments[a.at] = a
	}
	for _, l := range live {
		moments[l.at] = l // a look says itself what it read
	}
	m := &model{}
	for _, o := range moments {
		m.all = append(m.all, o)
	}
	slices.SortFunc(m.all, func(a, b seen) int { return a.at.Compare(b.at) })
	for _, o := range m.all {
		m.presence(o)
		if !o.absent {
			m.tag(o)
		}
		if !o.absent && o.counted {
			m.count(o)
		}
	}
	slices.SortStableFunc(m.events, func(a, b replay.Event) int { return a.At.Compare(b.At) })
	return m
}

func mergeSeen(a, b seen) seen {
	if a.absent && b.absent {
		if a.weight > b.weight {
			return a
		}
		return b
	}
	if a.absent || b.absent {
		if a.absent {
			return b
		}
		return a
	}
	ca, cb := int64(-1), int64(-1)
	if a.counted {
		ca = a.count
	}
	if b.counted {
		cb = b.count
	}
	switch {
	case ca > cb:
		return a
	case cb > ca:
		return b
	}
	if b.tag.Known && (!a.tag.Known || b.tag.Text > a.tag.Text) {
		a.tag = b.tag
	}
	a.created = max(a.created, b.created)
	return a
}

func (m *model) presence(o seen) {
	s := &m.s
	old := ""
	if n := len(m.counted); n > 0 {
		old = strconv.FormatInt(m.counted[n-1].count, 10)
	}
	switch {
	case !o.absent:
		if s.FirstSeen.IsZero() {
			s.FirstSeen = o.at
		}
		s.LastSeen = o.at
		if !s.DeletedAt.IsZero() {
			m.events = append(m.events, replay.Event{At: o.at, Kind: replay.Reappeared, Old: "deleted"})
		} else if !s.MissingSince.IsZero() {
			m.events = append(m.events, replay.Event{At: o.at, Kind: replay.Reappeared, Old: "missing"})
		}
		s.Absence, s.MissingSince, s.DeletedAt = 0, time.Time{}, time.Time{}
	case s.FirstSeen.IsZero():
		if o.weight == 2 || o.archived && o.weight > 2 {
			s.AbsentAt = o.at
		}
	default:
		was := s.Absence
		s.Absence += o.weight
		if s.Absence > 4 {
			s.Absence = 4
		}
		if was < 2 && s.Absence >= 2 {
			s.MissingSince = o.at
			m.events = append(m.events, replay.Event{At: o.at, Kind: replay.Missing, Old: old})
		}
		if was < 4 && s.Absence == 4 {
			s.DeletedAt = o.at
			m.events = append(m.events, replay.Event{At: o.at, Kind: replay.Deleted, Old: old})
		}
	}
}

func (m *model) tag(o seen) {
	if !o.tag.Known || o.archived && o.tag.Text == "" {
		return
	}
	if m.s.Tag.Known && o.tag.Text != "" && m.s.Tag.Text != o.tag.Text {
		m.events = append(m.events, replay.Event{At: o.at, Kind: replay.TagPushed, Old: m.s.Tag.Text, New: o.tag.Text})
	}
	m.s.Tag = o.tag
}

// count finds the believed count and the fall in the observations since the last row that settled them.
func (m *model) count(o seen) {
	created, _ := registry.ParseTimestamp(o.created, time.UTC)
	defer func() {
		m.counted = append(m.counted, o)
		m.s.Count, m.s.LastCounted = o.count, o.at
		if o.created != "" {
			m.s.CreatedRaw = o.created
		}
		if !created.At.IsZero() {
			m.s.Created = created.At
		}
	}()
	add := func(kind pulls.Kind, pulled int64) {
		r := replay.Row{At: o.at, Count: o.count, Kind: kind, Pulls: pulled, Generation: m.s.Generation}
		if n := len(m.counted); n > 0 {
			r.Since = m.counted[n-1].at
		} else {
			r.Since = m.s.AbsentAt
		}
		r.Unknown = kind == pulls.Baseline
		if pulled > 0 {
			m.s.LastPulled = o.at
		}
		m.rows = append(m.rows, r)
		if kind != pulls.Suspect {
			m.s.Believed, m.s.FallenAt, m.s.Lowest = o.count, time.Time{}, 0
		}
	}
	if len(m.counted) == 0 {
		m.s.Generation = 1
		if m.s.AbsentAt.IsZero() {
			add(pulls.Baseline, 0)
		} else {
			add(pulls.New, o.count)
		}
		return
	}
	last := m.counted[len(m.counted)-1]
	believed := m.s.Believed
	if o.count >= believed {
		switch {
		case !m.s.FallenAt.IsZero():
			add(pulls.Recovered, o.count-believed)
		case o.count > believed:
			add(pulls.Increase, o.count-believed)
		}
		return
	}
	if !m.s.Created.IsZero() && created.At.After(m.s.Created) && !created.At.Before(last.at.Add(-26*time.Hour)) {
		m.s.Generation++
		add(pulls.Reset, o.count)
		return
	}
	fell := o.at
	lowest := o.count
	for i := len(m.counted) - 1; i >= 0 && !m.s.FallenAt.IsZero() && !m.counted[i].at.Before(m.s.FallenAt); i-- {
		fell, lowest = m.counted[i].at, min(lowest, m.counted[i].count)
	}
	switch {
	case o.at.Sub(fell) < 6*time.Hour:
		if fell.Equal(o.at) || last.count != o.count {
			add(pulls.Suspect, 0)
		}
		m.s.FallenAt, m.s.Lowest = fell, lowest
	case new(big.Int).Lsh(big.NewInt(lowest), 1).Cmp(big.NewInt(believed)) < 0:
		add(pulls.Reset, o.count)
	default:
		add(pulls.Correction, o.count-lowest)
	}
}

// days sums the rows by day, in numbers that cannot wrap.
func (m *model) days() []replay.Day {
	var days []replay.Day
	sums := map[string]*big.Int{}
	for _, r := range m.rows {
		y, mo, d := r.At.Date()
		day := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
		key := day.Format(time.DateOnly)
		if n := len(days); n == 0 || !days[n-1].Day.Equal(day) {
			days = append(days, replay.Day{Day: day, Unknown: true})
			sums[key] = new(big.Int)
		}
		last := &days[len(days)-1]
		last.Count = r.Count
		if !r.Unknown {
			last.Unknown = false
			sums[key].Add(sums[key], big.NewInt(r.Pulls))
		}
		if r.Kind == pulls.Reset {
			last.Resets++
		}
	}
	for i := range days {
		sum := sums[days[i].Day.Format(time.DateOnly)]
		days[i].Pulls = math.MaxInt64
		if sum.IsInt64() {
			days[i].Pulls = sum.Int64()
		}
	}
	return days
}
