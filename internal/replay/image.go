package replay

import (
	"cmp"
	"slices"
	"time"
)

// Stored is what is stored of an image.
type Stored struct {
	Readings []Reading // in the order of At, at most one a moment
	Events   []Event   // in the order of At
	Days     []Day     // in the order of Day
	State    State
}

// Result is what the facts of an image say.
type Result struct {
	Rows   []Row // in the order of At; without those of kept readings
	Events []Event
	Days   []Day
	State  State

	// Again are live readings that are not stored, of looks that read a text once more that an archive says was another meanwhile.
	// An import stores them, as a look that comes after it would: the looks may be forgotten.
	Again []Reading

	// Dropped is the last moment of dropped months: rows, events and days up to it are trusted as they are stored. Events
	// are presented whole, the trusted ones included.
	Dropped time.Time
}

// Image derives what is said of one image from its facts and the looks at its repo. Of what is stored it uses the facts and
// what facts no longer tell: rows of dropped months, events of presence before looks.From, and the last UpdateTime. Times
// without a zone are read in zone. Looks that say nothing new are jumped over.
func Image(looks *Looks, zone *time.Location, stored *Stored) Result {
	f := fold{looks: looks, zone: zone, stored: stored, unknown: !looks.From.IsZero()}
	readings := f.start(stored.Readings)
	for i := range readings {
		r := &readings[i]
		f.known(r.At)
		f.pass(looks.search(f.next, r.At))
		f.reading(r)
	}
	f.known(looks.From)
	f.pass(looks.Len())
	f.finish()
	return f.res
}

// reading replays the moment of a stored reading, and the look that may be at it.
func (f *fold) reading(r *Reading) {
	look := f.looks.isAt(f.next, r.At)
	var weight int8
	if look {
		weight = f.looks.Look(f.next).Weight
		f.next++
	}
	if !r.Archived {
		f.setLive(r)
		f.trustSince(r)
		f.step(f.liveAt(r.At, weight))
		return
	}
	o := f.observation(r)
	if look { // which says itself what it read, whether as a row of its own or not
		o = f.liveAt(r.At, weight)
	}
	f.trustSince(r)
	f.step(o)
}

// finish settles what only the whole says.
func (f *fold) finish() {
	f.s.Live = f.flags()
	f.trustLast()
	f.updated()
	f.res.State = f.s
	slices.SortStableFunc(f.res.Events, compareEvents)
}

// flags says how the live reading that stands differs from the state.
func (f *fold) flags() LiveFlags {
	if !f.has {
		return 0
	}
	flags, l := LiveRow, &f.live
	switch {
	case l.Absent:
		flags |= LiveAbsent
	case !l.Counted:
		flags |= LiveUncounted
	case l.Count == f.s.Count:
		flags |= LiveCount
	}
	if l.Tag.Known && l.Tag == f.s.Tag {
		flags |= LiveTag
	}
	switch l.Created.Raw {
	case "":
		flags |= LiveNoCreated
	case f.s.CreatedRaw:
		flags |= LiveCreated
	}
	return flags
}

// compareEvents orders events by time and, at one moment, by kind, missing before deleted.
func compareEvents(a, b Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(eventOrder(a.Kind), eventOrder(b.Kind)))
}

func eventOrder(k EventKind) int {
	return slices.Index([]EventKind{Missing, Deleted, Reappeared, TagPushed}, k)
}
