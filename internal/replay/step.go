package replay

import (
	"strconv"
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// Step is what one observation makes of the state. It reports whether anything must be written: out says what, and s holds
// the new state. When it returns false, s has changed in LastSeen, LastCounted, UpdatedAt, or in an AbsentAt or Absence of an image
// that was not seen, at most. The observation must be later than those before.
func Step(s *State, o *Observation, out *Outcome) bool {
	out.Fact, out.Row, out.Events, out.Updated = false, Row{}, out.Events[:0], false
	if !o.Archived {
		out.Fact = s.newFact(o)
	}
	if out.Fact {
		out.Reading = s.reading(o)
	}
	before := s.Absence
	if o.Absent {
		s.absent(o, out)
	} else {
		s.seen(o, out)
	}
	if !o.Archived {
		s.setLive(o)
	}
	if out.Row.Kind != 0 && !o.Archived && !out.Fact { // a fall believed while nothing changed
		out.Fact, out.Reading = true, Reading{At: o.At, Counted: true, Count: o.Count}
	}
	if out.Fact {
		out.Reading.Row = out.Row
	}
	return out.Fact || out.Row.Kind != 0 || len(out.Events) > 0 || out.Updated || before != s.Absence
}

// absent adds the evidence of an observation that did not hold the image.
func (s *State) absent(o *Observation, out *Outcome) {
	if s.FirstSeen.IsZero() {
		// That the repo was not listed says nothing of what is in it.
		if o.Weight == WeightComplete || o.Archived && o.Weight > WeightComplete {
			s.AbsentAt = o.At
		}
		return
	}
	s.Absence = min(s.Absence+o.Weight, deletedAt)
	if s.Absence >= missingAt && s.MissingSince.IsZero() {
		s.MissingSince = o.At
		out.Events = append(out.Events, Event{At: o.At, Kind: Missing, Old: s.lastCount()})
	}
	if s.Absence >= deletedAt && s.DeletedAt.IsZero() {
		s.DeletedAt = o.At
		out.Events = append(out.Events, Event{At: o.At, Kind: Deleted, Old: s.lastCount()})
	}
}

// lastCount is the last count as events tell it.
func (s *State) lastCount() string {
	if s.Generation == 0 {
		return ""
	}
	return strconv.FormatInt(s.Count, 10)
}

// seen takes over an observation that held the image.
func (s *State) seen(o *Observation, out *Outcome) {
	if s.FirstSeen.IsZero() {
		s.FirstSeen = o.At
	}
	if !s.MissingSince.IsZero() {
		was := Missing
		if !s.DeletedAt.IsZero() {
			was = Deleted
		}
		out.Events = append(out.Events, Event{At: o.At, Kind: Reappeared, Old: string(was)})
	}
	s.LastSeen, s.Absence, s.MissingSince, s.DeletedAt = o.At, 0, time.Time{}, time.Time{}
	s.tag(o, out)
	if o.Updated.Raw != "" {
		s.updated(o, out)
	}
	if o.Counted {
		s.count(o, out)
	}
}

// updated takes over the UpdateTime. That of live looks stays beside an archived one, which may be taken back.
func (s *State) updated(o *Observation, out *Outcome) {
	if o.Archived {
		out.Updated = true
		s.Archived, s.UpdatedFrom = micros(o.Updated).At, o.At
		return
	}
	out.Updated = s.Updated.Raw != o.Updated.Raw || !s.UpdatedFrom.IsZero()
	s.Updated, s.UpdatedAt = micros(o.Updated), o.At
	s.Archived, s.UpdatedFrom = time.Time{}, time.Time{}
}

// tag takes over the tag. An archive without one says nothing; a live answer without one says that there is none.
func (s *State) tag(o *Observation, out *Outcome) {
	if !o.Tag.Known || o.Archived && o.Tag.Text == "" {
		return
	}
	if s.Tag.Known && o.Tag.Text != "" && o.Tag.Text != s.Tag.Text {
		out.Events = append(out.Events, Event{At: o.At, Kind: TagPushed, Old: s.Tag.Text, New: o.Tag.Text})
	}
	s.Tag = o.Tag
}

// count takes over count and CreateTime.
func (s *State) count(o *Observation, out *Outcome) {
	po := pulls.Observation{At: o.At, Before: s.LastCounted, Count: o.Count, Created: micros(o.Created).At}
	since := s.LastCounted
	var c pulls.Change
	changed := true
	if s.Generation == 0 {
		since = s.AbsentAt
		s.State, c = pulls.First(po, !since.IsZero())
	} else {
		s.State, c, changed = pulls.Next(s.State, po)
	}
	s.LastCounted = o.At
	if o.Created.Raw != "" {
		s.CreatedRaw = o.Created.Raw
	}
	if !changed {
		return
	}
	out.Row = Row{At: o.At, Since: since, Count: c.Count, Pulls: c.Pulls, Unknown: c.Unknown, Kind: c.Kind, Generation: c.Generation}
	if c.Pulls > 0 {
		s.LastPulled = o.At
	}
}

// micros is t as the database keeps it.
func micros(t registry.Timestamp) registry.Timestamp {
	t.At = t.At.Truncate(time.Microsecond)
	return t
}

// newFact reports whether a live observation says something else than the live reading that stands. Absence of an image that
// no live look ever held is no fact of its own.
func (s *State) newFact(o *Observation) bool {
	has := func(f LiveFlags) bool { return s.Live&f != 0 }
	if o.Absent {
		return has(LiveRow) && !has(LiveAbsent)
	}
	stands := has(LiveUncounted)
	if o.Counted {
		stands = has(LiveCount) && o.Count == s.Count
	}
	return !stands || s.newTag(o) || s.newCreated(o)
}

func (s *State) newTag(o *Observation) bool {
	return o.Tag.Known && (s.Live&LiveTag == 0 || o.Tag != s.Tag)
}

// newCreated reports whether a live CreateTime is another text than the one that stands. It counts with a count only.
func (s *State) newCreated(o *Observation) bool {
	switch {
	case !o.Counted:
		return false
	case o.Created.Raw == "":
		return s.Live&(LiveRow|LiveNoCreated) == LiveRow
	}
	return s.Live&LiveCreated == 0 || o.Created.Raw != s.CreatedRaw
}

// reading is the live row of an observation; texts that stand already are NULL.
func (s *State) reading(o *Observation) Reading {
	r := Reading{At: o.At, Absent: o.Absent, Counted: o.Counted && !o.Absent}
	if o.Absent {
		return r
	}
	if o.Counted {
		r.Count = o.Count
	}
	if s.newTag(o) {
		r.Tag = o.Tag
	}
	if s.newCreated(o) {
		r.Created = Known(o.Created.Raw)
	}
	return r
}

// setLive notes what a live observation said, after the state has taken it over.
func (s *State) setLive(o *Observation) {
	if o.Absent {
		if s.Live&LiveRow != 0 {
			s.Live = s.Live&^(LiveCount|LiveUncounted) | LiveAbsent
		}
		return
	}
	if s.Live&LiveRow == 0 {
		s.Live = LiveRow | LiveNoCreated
	}
	s.Live &^= LiveAbsent | LiveCount | LiveUncounted
	if o.Counted {
		s.Live |= LiveCount
	} else {
		s.Live |= LiveUncounted
	}
	if o.Tag.Known {
		s.Live |= LiveTag
	}
	switch {
	case !o.Counted:
	case o.Created.Raw == "":
		s.Live = s.Live&^LiveCreated | LiveNoCreated
	default:
		s.Live = s.Live&^LiveNoCreated | LiveCreated
	}
}
