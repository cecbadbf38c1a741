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
	for i := range rows {
		r := &rows[i]
		o := exportLine{at: r.ObservedAt, image: d.image.Name, tag: value(r.LatestTag), created: value(r.CreateTime), updated: value(r.UpdateTime)}
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
	x.present(d, &last)
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

// present writes the last look that read the image's count, with what else it read.
func (x *exporter) present(d *derived, last *exportLine) {
	m := &d.image
	if last.count == nil {
		return
	}
	s := m.state(x.facts.lastLook)
	o := exportLine{
		at: s.LastCounted, image: m.Name, count: &s.Count, tag: s.Tag.Text, created: s.CreatedRaw, updated: s.Updated.Raw,
	}
	x.write(o)
}
