package replay

import (
	"time"

	"syncer/internal/registry"
)

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
