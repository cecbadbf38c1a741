// Package pulls is the meaning of a registry's pull counter: a pure state machine from what was known of an image and what
// is seen now to what happened in between. It has no clock and does no I/O.
package pulls

import "syncer/internal/registry"

// State is what is known of one image's counter. The zero State is an image whose count was never read.
type State struct {
	Kind       Kind  // of the last history row; 0 when there is none
	Count      int64 // last count
	Before     int64 // while Kind is Suspect: the count before the doubtful drop
	Generation int32 // 1 at first, one more each time the image was made anew
	Created    registry.Timestamp
}

// Observation is one count that was read.
type Observation struct {
	Count   int64
	Created registry.Timestamp
}

// Change is what an observation adds to the history.
type Change struct {
	Kind       Kind
	Count      int64
	Pulls      int64 // pulls of the window; meaningless when Unknown
	Unknown    bool  // the pulls of the window cannot be known
	Generation int32
}

// First is the change of an image whose count was never read. repoKnown tells whether the repo was completely seen without
// the image before.
func First(o Observation, repoKnown bool) (State, Change) {
	c := Change{Kind: Baseline, Count: o.Count, Unknown: true, Generation: 1}
	if repoKnown {
		c = Change{Kind: New, Count: o.Count, Pulls: o.Count, Generation: 1}
	}
	return State{Kind: c.Kind, Count: o.Count, Generation: 1, Created: o.Created}, c
}

// Next is what an observation makes of a known state. It returns false, and a state that differs in Created at most, when
// there is nothing to add to the history.
func Next(s State, o Observation) (State, Change, bool) {
	c := Change{Count: o.Count, Generation: s.Generation}
	anew := s.Created.Differs(o.Created)
	switch {
	case anew:
		c.Kind, c.Pulls, c.Generation = Reset, o.Count, s.Generation+1
	case s.Kind == Suspect && o.Count >= s.Before:
		c.Kind, c.Pulls = Recovered, o.Count-s.Before
	case s.Kind == Suspect:
		c.Kind, c.Pulls = Reset, o.Count
	case o.Count > s.Count:
		c.Kind, c.Pulls = Increase, o.Count-s.Count
	case o.Count == s.Count:
		s.Created = latest(s.Created, o.Created)
		return s, Change{}, false
	case s.Count-o.Count <= s.Count/2:
		c.Kind = Correction
	default:
		c.Kind = Suspect
	}
	next := State{Kind: c.Kind, Count: o.Count, Generation: c.Generation, Created: latest(s.Created, o.Created)}
	if c.Kind == Suspect {
		next.Before = s.Count
	}
	return next, c, true
}

// latest prefers the newer reading of a timestamp, unless that is empty: silence does not erase what is known.
func latest(old, now registry.Timestamp) registry.Timestamp {
	if now.Raw == "" {
		return old
	}
	return now
}
