package store

import (
	"slices"
	"time"

	"syncer/internal/pulls"
	"syncer/internal/replay"
)

// image exports one image. What a run read at a look holds until the image's next reading of a run; an archive speaks of single
// moments. So of each such run of looks the first and the last are written, as windows of the history begin there.
func (x *exporter) image(d *derived) {
	rows := slices.Concat(d.kept, d.stored)
	last := exportLine{image: d.image.Name} // the last count that was read
	if len(rows) > 0 && rows[0].Archived {
		x.absences(rows[0].ObservedAt, rows, d.image.Name) // of looks before a run first saw it
	}
	var stands, read exportLine // what the last look of a run read and later ones read again; the last such look that read a count
	for i := range rows {
		r := &rows[i]
		if r.Archived {
			x.readAgain(stands, rows, i)
		}
		o := exportLine{at: r.ObservedAt, image: d.image.Name, tag: value(r.LatestTag), created: value(r.CreateTime), updated: value(r.UpdateTime)}
		if !r.Archived {
			read = lastRead(read, stands, x.facts.looks.Before(r.ObservedAt))
			stands = standing(stands, o, r)
			o.tag, o.created = stands.tag, stands.created
		}
		if r.Kind != nil && r.Since != nil {
			x.since(&last, r)
		}
		switch {
		case r.Absent != nil && r.Archived:
			o.absent = *r.Absent
			x.write(o)
		case r.Absent != nil:
			x.absences(r.ObservedAt, rows[i+1:], d.image.Name)
		case r.PullCount != nil:
			o.count = r.PullCount
			x.write(o)
			last.at, last.count = o.at, o.count
		}
	}
	if last.count != nil {
		x.present(d, rows, lastRead(read, stands, x.facts.lastLook))
	}
}

// standing is what looks of runs read from the reading r on; what it does not say is as before.
func standing(before, o exportLine, r *reading) exportLine {
	o.count = r.PullCount
	if r.LatestTag == nil {
		o.tag = before.tag
	}
	if r.CreateTime == nil {
		o.created = before.created
	}
	return o
}

// lastRead is the last look that read a count: what stood, as the look at the moment read it again, or what was read before.
func lastRead(before, stands exportLine, at time.Time) exportLine {
	if stands.count == nil {
		return before
	}
	if at.After(stands.at) {
		stands.at = at
	}
	return stands
}

// readAgain writes the look after an archived reading, which read what stood before it once more.
func (x *exporter) readAgain(stands exportLine, rows []reading, i int) {
	if stands.count == nil {
		return
	}
	for l := range x.facts.looks.After(rows[i].ObservedAt) {
		if stands.at = l.At; i+1 == len(rows) || l.At.Before(rows[i+1].ObservedAt) {
			x.write(stands)
		}
		return
	}
}

// since writes the look at which a window of the history began.
func (x *exporter) since(last *exportLine, r *reading) {
	o := *last
	o.at = *r.Since
	switch {
	case *r.Kind == int16(pulls.New):
		o.count, o.absent = nil, replay.WeightComplete
	case last.count == nil || !o.at.After(last.at):
		return
	}
	x.write(o)
}

// absences writes the looks from a moment on that did not hold the image, as long as their evidence adds up.
func (x *exporter) absences(from time.Time, later []reading, name string) {
	sum := int16(0)
	for l := range x.facts.looks.After(from) {
		for len(later) > 0 && !later[0].ObservedAt.After(l.At) {
			switch r := &later[0]; {
			case !r.Archived:
				return // a run saw it again
			case r.Absent == nil:
				sum = 0
			}
			later = later[1:]
		}
		if l.Weight == 0 || sum >= replay.WeightGone {
			if len(later) == 0 && sum >= replay.WeightGone {
				return
			}
			continue
		}
		sum += int16(l.Weight)
		x.write(exportLine{at: l.At, image: name, absent: int16(l.Weight)})
	}
}

// present writes the last observation of the image's count, with what else was read of it. What an archive gave has been written as it
// was given, to which what was known before is not added: the time of the last change then goes with the last look of a run.
func (x *exporter) present(d *derived, rows []reading, read exportLine) {
	m := &d.image
	s := m.state(x.facts.lastLook)
	updated := ""
	if s.UpdatedFrom.IsZero() { // else it is in a line of its own
		updated = s.Updated.Raw
	}
	given := func(r reading) bool { return r.Archived && r.ObservedAt.Equal(s.LastCounted) }
	switch {
	case x.facts.looks.Has(s.LastCounted) || !slices.ContainsFunc(rows, given):
		x.write(exportLine{at: s.LastCounted, image: m.Name, count: &s.Count, tag: s.Tag.Text, created: s.CreatedRaw, updated: updated})
	case read.count != nil && s.UpdatedFrom.IsZero():
		read.updated = updated
		x.write(read)
	}
}
