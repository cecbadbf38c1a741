package replay

import (
	"slices"
	"time"

	"syncer/internal/registry"
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

	// Dropped is the last moment of dropped months: rows, events and days up to it are trusted as they are stored. Events
	// are presented whole, the trusted ones included.
	Dropped time.Time
}

// fold is the replay of one image.
type fold struct {
	looks *Looks
	zone  *time.Location
	next  int // number of the first look not passed yet
	live  Observation
	has   bool // there was a live row
	s     State
	out   Outcome
	res   Result

	liveSeen time.Time // last live look that held the image

	unknown bool // looks at this moment are unknown: evidence of presence is trusted as stored
	stored  *Stored
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

// observation is what an archived reading, or a live one taken on its own, says.
func (f *fold) observation(r *Reading) Observation {
	o := Observation{
		At: r.At, Archived: r.Archived, Absent: r.Absent, Weight: r.Weight, Counted: r.Counted && !r.Absent, Count: r.Count, Tag: r.Tag,
	}
	o.Created = f.timestamp(r.Created)
	if r.Archived {
		o.Updated = f.timestamp(r.Updated)
	}
	return o
}

func (f *fold) timestamp(t Text) registry.Timestamp {
	at, _ := registry.ParseTimestamp(t.Text, f.zone)
	return micros(at)
}

// setLive makes r the live reading that stands. A text it does not give stands as before.
func (f *fold) setLive(r *Reading) {
	before := f.live
	f.live = f.observation(r)
	f.has = true
	if !f.live.Tag.Known {
		f.live.Tag = before.Tag
	}
	if !f.live.Counted || !r.Created.Known {
		f.live.Created = before.Created
	}
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
	if look {
		if l := f.liveAt(r.At, weight); rank(&l) >= rank(&o) {
			o = l
		}
	}
	f.trustSince(r)
	f.step(o)
}

// rank orders what a live look and an archived reading say of the same moment: a count before presence before absence, by
// its evidence; the live look wins where they are equal.
func rank(o *Observation) int8 {
	switch {
	case o.Absent:
		return o.Weight
	case o.Counted:
		return 2 * deletedAt
	default:
		return deletedAt + 1
	}
}

// liveAt is what a live look says by the reading that stands.
func (f *fold) liveAt(at time.Time, weight int8) Observation {
	o := f.live
	o.At, o.Weight = at, 0
	if !f.has || o.Absent {
		o = Observation{Absent: true, Weight: weight, At: at}
	}
	if !o.Counted {
		o.Created = registry.Timestamp{}
	}
	return o
}

// step replays one observation. A live UpdateTime has no history, so only archived ones are seen here.
func (f *fold) step(o Observation) {
	dropped := !o.At.After(f.res.Dropped)
	if f.unknown && o.Absent && !f.s.FirstSeen.IsZero() {
		return
	}
	if !o.Archived && !o.Absent {
		f.liveSeen = o.At
	}
	Step(&f.s, &o, &f.out)
	if f.out.Row.Kind != 0 && !dropped {
		f.res.Rows = append(f.res.Rows, f.out.Row)
		f.res.Days = addDay(f.res.Days, &f.out.Row)
	}
	for _, e := range f.out.Events {
		if !dropped && (!f.unknown || e.Kind == TagPushed) {
			f.res.Events = append(f.res.Events, e)
		}
	}
}

// finish settles what only the whole says.
func (f *fold) finish() {
	f.s.Live = f.flags()
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
