// Package pulls is the meaning of a registry's pull counter: a pure state machine from what was known of an image and what
// is read now to what happened in between. It has no clock and does no I/O.
package pulls

import "time"

// Doubt is how long a count may stay below the believed one before the fall is believed. Replicas lag and caches go stale
// for hours; a counter that really fell stays down.
const Doubt = 6 * time.Hour

// zoneSpread bounds what a wrong zone explains: UTC-12:00 and UTC+14:00 lie 26 hours apart.
const zoneSpread = 26 * time.Hour

// State is what is known of one image's counter. The zero State is an image whose count was never read.
type State struct {
	Count      int64     // last count read
	Believed   int64     // highest count read since the image was made or the last fall was believed
	FallenAt   time.Time // while Count is below Believed: when that was first seen; zero otherwise
	Lowest     int64     // lowest count since FallenAt; 0 when nothing is in doubt
	Generation int32     // 1 at first, one more each time the image was made anew; 0 when no count was ever read
	Created    time.Time // the last CreateTime that was understood; zero when none was
}

// Observation is one count that was read.
type Observation struct {
	At      time.Time // after the observation before
	Before  time.Time // the observation before; unused by First
	Count   int64
	Created time.Time // zero when CreateTime was not given or not understood
}

// Change is what an observation adds to the history.
type Change struct {
	Kind       Kind
	Count      int64
	Pulls      int64 // pulls of the window; 0 when Unknown
	Unknown    bool  // the pulls of the window cannot be known
	Generation int32
}

// First is the change of an image whose count was never read. repoKnown reports whether the repo was completely seen
// without the image before.
func First(o Observation, repoKnown bool) (State, Change) {
	c := Change{Kind: Baseline, Count: o.Count, Unknown: true, Generation: 1}
	if repoKnown {
		c = Change{Kind: New, Count: o.Count, Pulls: o.Count, Generation: 1}
	}
	return State{Count: o.Count, Believed: o.Count, Generation: 1, Created: o.Created}, c
}

// Next is what an observation makes of a known state. It returns false when there is nothing to add to the history; the
// state may change even then.
func Next(s State, o Observation) (State, Change, bool) {
	c := Change{Count: o.Count, Generation: s.Generation}
	inDoubt, changed := !s.FallenAt.IsZero(), o.Count != s.Count
	lowest := o.Count
	if inDoubt {
		lowest = min(lowest, s.Lowest)
	}
	switch {
	case s.madeAnew(o):
		c.Kind, c.Pulls = Reset, o.Count
		c.Generation++
	case o.Count >= s.Believed && inDoubt:
		c.Kind, c.Pulls = Recovered, o.Count-s.Believed
	case o.Count > s.Believed:
		c.Kind, c.Pulls = Increase, o.Count-s.Believed
	case o.Count == s.Believed:
	case inDoubt && o.At.Sub(s.FallenAt) >= Doubt && lowest < s.Believed-lowest: // was below half
		c.Kind, c.Pulls = Reset, o.Count
	case inDoubt && o.At.Sub(s.FallenAt) >= Doubt:
		c.Kind, c.Pulls = Correction, o.Count-lowest
	case !inDoubt:
		c.Kind, s.FallenAt = Suspect, o.At
		fallthrough
	default:
		if changed {
			c.Kind = Suspect
		}
		s.Lowest = lowest
	}
	s.Count = o.Count
	if !o.Created.IsZero() {
		s.Created = o.Created
	}
	if c.Kind != 0 && c.Kind != Suspect {
		s.Believed, s.FallenAt, s.Lowest, s.Generation = o.Count, time.Time{}, 0, c.Generation
	}
	return s, c, c.Kind != 0
}

// madeAnew reports whether the image was deleted and pushed again since it was last seen. A later CreateTime alone does not
// say so: it may be the same moment in another notation or zone.
func (s State) madeAnew(o Observation) bool {
	return o.Count < s.Believed && !s.Created.IsZero() && o.Created.After(s.Created) &&
		!o.Created.Before(o.Before.Add(-zoneSpread))
}
