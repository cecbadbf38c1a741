package store

import (
	"cmp"
	"slices"
	"time"

	"syncer/internal/replay"
)

// derived is one image on its way through replay: what is stored of it, and what an archive adds.
type derived struct {
	image   image // as stored; of a new image the id, repo and name only
	isNew   bool
	kept    []reading // of dropped months
	stored  []reading
	archive []reading // not stored yet, one a moment
	days    []imageDay
	events  []event
}

// rewrite is what replay makes of an image: rows to add, to change and to take out. A changed reading keeps its facts.
type rewrite struct {
	image    image
	readings edits[reading]
	days     edits[imageDay]
	events   edits[event]

	wantDays   []imageDay
	wantEvents []event
	conflicts  int // archived readings that were displaced by another of the same moment
}

// edits are the changes of a table's rows: those to add, to change, as which they were stored, and to take out.
type edits[T any] struct {
	add, change, was, remove []T
}

func (e *edits[T]) empty() bool { return len(e.add)+len(e.change)+len(e.remove) == 0 }

// derive replays all readings of an image and compares what they say with what is stored. All that import and verify know of
// kinds, windows, days, events and states comes from here.
func derive(d *derived, repo *repoFacts, zone *time.Location) rewrite {
	out := rewrite{image: d.image}
	facts := make([]replay.Reading, 0, len(d.kept)+len(d.stored)+len(d.archive))
	for i := range d.kept {
		facts = append(facts, d.kept[i].facts(true))
	}
	kept := len(facts)
	for i := range d.stored {
		facts = append(facts, d.stored[i].facts(false))
	}
	facts, out.conflicts = mergeArchive(facts, d.archive, repo)
	past := replay.Stored{Readings: facts}
	for i := range d.days {
		past.Days = append(past.Days, d.days[i].total())
	}
	for i := range d.events {
		past.Events = append(past.Events, d.events[i].happened())
	}
	if !d.isNew {
		past.State = d.image.state(repo.lastLook)
	}
	res := replay.Image(repo.looks, zone, &past)
	if res.State.FirstSeen.IsZero() {
		res.State.AbsentAt = lastAbsence(facts)
	}

	id := d.image.ID
	if len(d.archive) > 0 {
		facts = append(facts, res.Again...)
		slices.SortFunc(facts[kept:], func(a, b replay.Reading) int { return a.At.Compare(b.At) })
	}
	out.readings = compareReadings(id, d.stored, facts[kept:], res.Rows)
	days := make([]imageDay, len(res.Days))
	for i := range res.Days {
		days[i] = imageDayOf(id, &res.Days[i])
	}
	out.days, out.wantDays = compareRows(imageDayTable, d.days, days, byDay), days
	events := make([]event, len(res.Events))
	for i := range res.Events {
		events[i] = eventOf(id, &res.Events[i])
	}
	slices.SortFunc(events, func(a, b event) int { return byEvent(&a, &b) })
	out.events, out.wantEvents = compareRows(eventTable, d.events, events, byEvent), events
	out.image.setState(&res.State, repo.lastLook)
	if n := len(res.Rows); n > 0 {
		out.image.setRow(&res.Rows[n-1])
	} else if kept == 0 {
		out.image.Kind, out.image.ObservedAt = nil, nil
	}
	return out
}

// lastAbsence is the last moment at which an archive knows of an image that it was not there. The row of an image that was never seen
// holds no more: looks of runs that do not hold it write nothing.
func lastAbsence(facts []replay.Reading) (at time.Time) {
	for i := range facts {
		if facts[i].Absent && facts[i].Weight >= replay.WeightComplete {
			at = facts[i].At
		}
	}
	return at
}

// mergeArchive adds archived readings to stored ones, both in the order of time. A look of a run says itself what it read, so
// an archive that speaks of the same moment is not needed; when it says something else it is the one not believed.
func mergeArchive(facts []replay.Reading, archive []reading, repo *repoFacts) (merged []replay.Reading, conflicts int) {
	if len(archive) == 0 {
		return facts, 0
	}
	merged = make([]replay.Reading, 0, len(facts)+len(archive))
	for i := range archive {
		fresh := archive[i].facts(false)
		for len(facts) > 0 && facts[0].At.Before(fresh.At) {
			merged, facts = append(merged, facts[0]), facts[1:]
		}
		var there *replay.Reading // what is known of that moment already
		if n := len(merged); n > 0 && merged[n-1].At.Equal(fresh.At) {
			there = &merged[n-1]
		} else if len(facts) > 0 && facts[0].At.Equal(fresh.At) {
			there = &facts[0]
		}
		switch {
		case there == nil && !repo.looks.Has(fresh.At):
			merged = append(merged, fresh)
		case there != nil && there.Archived && !there.Kept:
			conflicts += contradicts(there, &fresh)
			*there = replay.Merge(*there, fresh)
		case there != nil:
			conflicts += contradicts(there, &fresh)
		}
	}
	return append(merged, facts...), conflicts
}

// contradicts is 1 for two readings of one moment that cannot both be true.
func contradicts(a, b *replay.Reading) int {
	if a.Absent != b.Absent || a.Counted && b.Counted && a.Count != b.Count {
		return 1
	}
	return 0
}

// compareReadings lays the rows of the history over the readings they belong to. A row of a look that was not worth a reading
// gets one: a fact that was true without it.
func compareReadings(id int64, stored []reading, facts []replay.Reading, rows []replay.Row) edits[reading] {
	want := make([]reading, 0, len(facts)+4)
	for len(facts) > 0 || len(rows) > 0 {
		var r reading
		switch {
		case len(rows) == 0 || len(facts) > 0 && facts[0].At.Before(rows[0].At):
			r = readingOf(id, &facts[0])
			r.derive(&replay.Row{})
			facts = facts[1:]
		case len(facts) == 0 || rows[0].At.Before(facts[0].At):
			r = readingOf(id, &replay.Reading{At: rows[0].At, Counted: true, Count: rows[0].Count})
			r.derive(&rows[0])
			rows = rows[1:]
		default:
			r = readingOf(id, &facts[0])
			r.derive(&rows[0])
			facts, rows = facts[1:], rows[1:]
		}
		want = append(want, r)
	}
	return compareRows(readingTable, stored, want, byMoment)
}

// compareRows compares two lists of rows, each sorted by order, which tells rows of different keys apart.
func compareRows[T any](t *table[T], stored, want []T, order func(a, b *T) int) edits[T] {
	var e edits[T]
	for len(stored) > 0 || len(want) > 0 {
		var c int
		switch {
		case len(want) == 0:
			c = -1
		case len(stored) == 0:
			c = 1
		default:
			c = order(&stored[0], &want[0])
		}
		switch {
		case c < 0:
			e.remove = append(e.remove, stored[0])
			stored = stored[1:]
		case c > 0:
			e.add = append(e.add, want[0])
			want = want[1:]
		default:
			if !t.same(&stored[0], &want[0]) {
				e.change, e.was = append(e.change, want[0]), append(e.was, stored[0])
			}
			stored, want = stored[1:], want[1:]
		}
	}
	return e
}

func byMoment(a, b *reading) int { return a.ObservedAt.Compare(b.ObservedAt) }

func byDay(a, b *imageDay) int { return a.Day.Compare(b.Day) }

// byEvent has missing before deleted, which may come together.
func byEvent(a, b *event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(b.Event, a.Event)) }
