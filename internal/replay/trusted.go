package replay

import (
	"math"
	"time"

	"syncer/internal/pulls"
)

// start takes over what is left of dropped months and returns the readings to go on with.
func (f *fold) start(readings []Reading) []Reading {
	last, trusted := -1, -1
	for i := range readings {
		if readings[i].Kept {
			last = i
			if k := readings[i].Row.Kind; k != 0 && k != pulls.Suspect {
				trusted = i
			}
		}
	}
	if last < 0 {
		return readings
	}
	past := &f.stored.State
	f.res.Dropped = readings[last].At
	if !past.FirstSeen.After(f.res.Dropped) {
		f.s.FirstSeen, f.s.AbsentAt = past.FirstSeen, past.AbsentAt
	}
	for _, e := range f.stored.Events {
		if !e.At.After(f.res.Dropped) {
			f.res.Events = append(f.res.Events, e)
		}
	}
	if trusted < 0 {
		return readings
	}
	for i := range readings[:trusted+1] {
		f.trust(&readings[i])
	}
	t := &readings[trusted]
	f.s.Count, f.s.Believed, f.s.Generation = t.Count, t.Count, t.Row.Generation
	f.s.LastSeen, f.s.LastCounted = t.At, t.At
	if t.Row.Pulls > 0 {
		f.s.LastPulled = t.At
	} else if past.LastPulled.Before(t.At) {
		f.s.LastPulled = past.LastPulled
	}
	if !t.At.Before(f.looks.From) {
		f.unknown = false
	}
	return readings[trusted+1:]
}

// trust takes over the texts of a reading of a dropped month, and those that the looks before it read once more.
func (f *fold) trust(r *Reading) {
	i := f.looks.search(f.next, r.At)
	if i > f.next && f.has && !f.live.Absent {
		f.trustTexts(&f.live)
	}
	f.next = i
	if f.looks.isAt(i, r.At) {
		f.next++
	}
	o := f.observation(r)
	if !r.Archived {
		f.setLive(r)
		o = f.live
	}
	if !o.Absent {
		f.trustTexts(&o)
	}
}

func (f *fold) trustTexts(o *Observation) {
	if o.Tag.Known && (!o.Archived || o.Tag.Text != "") {
		f.s.Tag = o.Tag
	}
	if o.Counted && o.Created.Raw != "" {
		f.s.CreatedRaw = o.Created.Raw
		if !o.Created.At.IsZero() {
			f.s.Created = o.Created.At
		}
	}
}

// trustSince takes the start of a stored window that lies before all known looks for a look that read what was before, and
// a stored AbsentAt for a look that did not hold the image.
func (f *fold) trustSince(r *Reading) {
	if absent := f.stored.State.AbsentAt; f.s.FirstSeen.IsZero() && absent.Before(f.looks.From) && absent.Before(r.At) && absent.After(f.s.AbsentAt) {
		f.s.AbsentAt = absent
	}
	if since := r.Row.Since; r.Row.Kind != 0 && since.Before(f.looks.From) && since.After(f.s.LastCounted) && f.s.Generation != 0 {
		f.s.LastCounted, f.s.LastSeen = since, since
	}
}

// trustLast takes over when unknown looks saw and counted the image last, unless something later did.
func (f *fold) trustLast() {
	past := &f.stored.State
	if past.LastSeen.Before(f.looks.From) && past.LastSeen.After(f.s.LastSeen) {
		f.s.LastSeen = past.LastSeen
	}
	if past.LastCounted.Before(f.looks.From) && past.LastCounted.After(f.s.LastCounted) {
		f.s.LastCounted = past.LastCounted
	}
}

// known ends the time of unknown looks: what was stored of the image's presence by then stands.
func (f *fold) known(at time.Time) {
	if !f.unknown || at.Before(f.looks.From) {
		return
	}
	f.unknown = false
	if f.s.FirstSeen.IsZero() {
		return
	}
	f.s.Absence, f.s.MissingSince, f.s.DeletedAt = 0, time.Time{}, time.Time{}
	for _, e := range f.stored.Events {
		if !e.At.Before(f.looks.From) {
			break
		}
		switch e.Kind {
		case Missing:
			f.s.Absence, f.s.MissingSince = missingAt, e.At
		case Deleted:
			f.s.Absence, f.s.DeletedAt = deletedAt, e.At
		case Reappeared:
			f.s.Absence, f.s.MissingSince, f.s.DeletedAt = 0, time.Time{}, time.Time{}
		}
		if e.Kind != TagPushed && e.At.After(f.res.Dropped) {
			f.res.Events = append(f.res.Events, e)
		}
	}
	most := int8(missingAt - 1)
	if !f.s.MissingSince.IsZero() {
		most = deletedAt - 1
	}
	if f.s.Absence < deletedAt {
		f.s.Absence = max(f.s.Absence, min(most, f.absenceBefore()))
	}
}

// absenceBefore is the least evidence that unknown looks must have left of an image's absence for what is known since to have made of
// it what is stored, until it was seen again.
func (f *fold) absenceBefore() int8 {
	least := int32(0)
	if past := &f.stored.State; past.LastSeen.Before(f.looks.From) {
		least = max(least, int32(past.Absence)-f.evidence(time.UnixMicro(math.MaxInt64-1)))
	}
	for _, e := range f.stored.Events {
		switch {
		case e.At.Before(f.looks.From) || e.Kind == TagPushed:
		case e.Kind == Reappeared:
			return int8(least)
		case e.Kind == Missing:
			least = max(least, missingAt-f.evidence(e.At))
		case e.Kind == Deleted:
			least = max(least, deletedAt-f.evidence(e.At))
		}
	}
	return int8(least)
}

// evidence sums what known looks, and archives of the same time, say of absence up to and with a moment.
func (f *fold) evidence(at time.Time) int32 {
	sum := before(f.looks.sum, f.looks.search(0, at.Add(time.Microsecond)))
	for i := range f.stored.Readings {
		r := &f.stored.Readings[i]
		if r.Archived && r.Absent && !r.At.Before(f.looks.From) && !r.At.After(at) && !f.looks.Has(r.At) {
			sum += int32(r.Weight)
		}
	}
	return sum
}

// updated takes over the UpdateTime of live looks, which only the state holds, and that of an archive that was dropped; one that is not
// newer than the look does not count.
func (f *fold) updated() {
	past := &f.stored.State
	f.s.Updated, f.s.UpdatedAt = past.Updated, past.UpdatedAt
	if !past.UpdatedAt.IsZero() && past.UpdatedAt.Equal(past.LastSeen) && !f.liveSeen.IsZero() && !f.liveSeen.Before(f.looks.From) {
		f.s.UpdatedAt = f.liveSeen // the last look that saw the image, whatever the state says of when that was
	}
	if past.UpdatedFrom.After(f.s.UpdatedFrom) && !past.UpdatedFrom.After(f.res.Dropped) {
		f.s.Archived, f.s.UpdatedFrom = past.Archived, past.UpdatedFrom
	}
	if !f.s.UpdatedFrom.After(f.s.UpdatedAt) {
		f.s.Archived, f.s.UpdatedFrom = time.Time{}, time.Time{}
	}
}
