package store

import (
	"encoding/binary"
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// count lets pulls judge a count that was read. CreateTime is taken over together with a count only: it decides whether the
// count went on or began anew.
func (l *look) count(c *changes, m *image, img *registry.Image, since *time.Time) {
	o := pulls.Observation{Count: img.PullCount, Created: img.Created}
	if m.Kind == nil {
		state, change := pulls.First(o, m.AbsentAt != nil)
		l.record(c, m, state, change, m.AbsentAt)
		return
	}
	state, change, changed := pulls.Next(m.state(), o)
	if changed {
		l.record(c, m, state, change, since)
		return
	}
	m.setCreated(state.Created)
}

// move writes down that a count merely moved, which is what most changes are. It returns false when there is more to it.
func (l *look) move(c *changes, raw [][]byte, img *registry.Image) bool {
	s := pulls.State{
		Kind: pulls.Kind(binary.BigEndian.Uint16(raw[colKind])), Count: int64Of(raw[colCount]),
		Generation: int32(binary.BigEndian.Uint32(raw[colGeneration])),
	}
	_, change, changed := pulls.Next(s, pulls.Observation{Count: img.PullCount})
	if !changed || change.Kind != pulls.Increase && change.Kind != pulls.Correction {
		return false
	}
	m := move{image: int64Of(raw[colID]), count: change.Count, kind: change.Kind, at: l.at}
	if !sameText(raw[colUpdateRaw], img.Updated.Raw) {
		m.updateRaw, m.updated = &img.Updated.Raw, optional(img.Updated.At)
	}
	l.log(c, m.image, timeOf(raw[colObserved]), change, l.lastLook)
	c.moves = append(c.moves, m)
	l.changed++
	l.live++
	l.liveSum = addCapped(l.liveSum, change.Count)
	return true
}

// log adds a change of a counter to the history and its roll-up. last is the time of the history row before, if any.
func (l *look) log(c *changes, id int64, last time.Time, change pulls.Change, since *time.Time) {
	row := historyRow{image: id, observedAt: l.at, since: since, count: change.Count, generation: change.Generation, kind: change.Kind}
	if !change.Unknown {
		row.pulls = &change.Pulls
		l.pulls = addCapped(l.pulls, change.Pulls)
	}
	day := dayRow{image: id, day: dayOf(l.at), pulls: row.pulls, count: change.Count}
	if change.Kind == pulls.Reset {
		day.resets = 1
	}
	if dayOf(last).Equal(day.day) {
		c.dayAdds = append(c.dayAdds, day)
	} else {
		c.days = append(c.days, day)
	}
	c.history = append(c.history, row)
	l.logged++
}

// record takes a change of a counter over into the image.
func (l *look) record(c *changes, m *image, s pulls.State, change pulls.Change, since *time.Time) {
	l.log(c, m.ID, value(m.ObservedAt), change, since)
	if change.Pulls > 0 && !change.Unknown {
		m.LastPulledAt = &l.at
	}
	kind := int16(s.Kind)
	m.Kind, m.PullCount, m.Generation, m.ObservedAt = &kind, &s.Count, s.Generation, &l.at
	m.CountBefore = nil
	if s.Kind == pulls.Suspect {
		m.CountBefore = &s.Before
	}
	m.setCreated(s.Created)
}
