package store

import (
	"slices"

	"syncer/internal/pulls"
)

// storedRun is a stored row of the history as the sights that it stands for: the look that wrote it, archived observations, the
// last look that saw the same, and of the looks between those that matter.
type storedRun struct {
	count      int64
	start, end int64
	kept       []sight // archived ones, start and end among them
	extra      []int64 // looks between
}

// holds tells whether a moment lies within the run.
func (r *storedRun) holds(at int64) bool { return (len(r.kept) > 0 || len(r.extra) > 0) && at < r.end }

// consider adds looks that lie strictly within the run, and not before what was passed already.
func (r *storedRun) consider(looks []int64, passed int64) {
	for _, at := range looks {
		if at <= r.start || at >= r.end || at < passed {
			continue
		}
		if i, known := slices.BinarySearch(r.extra, at); !known {
			r.extra = slices.Insert(r.extra, i, at)
		}
	}
}

// next is the run's next sight before a moment.
func (r *storedRun) next(until int64) (sight, bool) {
	switch {
	case len(r.extra) > 0 && r.extra[0] < until && (len(r.kept) == 0 || r.extra[0] <= r.kept[0].at):
		at := r.extra[0]
		r.extra = r.extra[1:]
		return sight{at: at, count: r.count, facts: noFacts}, true
	case len(r.kept) > 0 && r.kept[0].at < until:
		s := r.kept[0]
		r.kept = r.kept[1:]
		return s, true
	}
	return sight{}, false
}

// takeStored folds a row of the history as it stands.
func (m *merger) takeStored(r *streamed) error {
	m.drain(r.at)
	m.old = append(m.old, r.stored)
	m.oldDays = addMergedDay(m.oldDays, &r.stored)
	end := r.next
	isLast := r.next == never
	if isLast {
		end = m.lastCounted()
	}
	end = max(end, r.at)
	m.run = storedRun{count: r.count, start: r.at, end: end, kept: m.run.kept[:0], extra: m.run.extra[:0]}
	if err := unpack(r.stored.packed, r.at, r.count, &m.unpacked, func(s sight) { m.run.kept = append(m.run.kept, s) }); err != nil {
		return err
	}
	m.addEnds(r, isLast)
	m.run.consider(m.looks.around(r.at), r.at) // the second sight decides, should this row turn out to be doubtful
	if m.blocked {
		m.trust(&r.stored, isLast)
	} else if m.state.Kind == pulls.Suspect && m.state.Before < 0 && r.stored.kind == pulls.Recovered {
		m.state.Before = r.count - r.stored.pulls
	}
	return nil
}

// addEnds adds the first and the last sight of a stored run, where they are live looks.
func (m *merger) addEnds(r *streamed, isLast bool) {
	run := &m.run
	if len(run.kept) == 0 || run.kept[0].at > r.at {
		s := sight{at: r.at, count: r.count, facts: noFacts}
		if m.lastGeneration != r.stored.generation {
			s.anew = m.lastGeneration != 0
			if r.stored.generation == m.image.Generation {
				// Later imports may hide it, and it tells this generation from others.
				s.facts.created = value(m.image.CreateTimeRaw)
				s.kept = s.facts.created != ""
			}
		}
		run.kept = slices.Insert(run.kept, 0, s)
	}
	last := &run.kept[len(run.kept)-1]
	if last.at < run.end {
		run.kept = append(run.kept, sight{at: run.end, count: r.count, facts: noFacts})
		last = &run.kept[len(run.kept)-1]
	}
	if isLast && m.looks.hold(run.end) {
		last.current = true
		last.facts.tag, last.facts.created, last.facts.updated = value(m.image.LatestTag), value(m.image.CreateTimeRaw), value(m.image.UpdateTimeRaw)
	}
	m.lastGeneration = r.stored.generation
}

// trust takes the first row that is kept of a history for true.
func (m *merger) trust(stored *mergedRow, isLast bool) {
	m.blocked = false
	m.state = pulls.State{Kind: stored.kind, Count: stored.count, Generation: stored.generation}
	m.row, m.lastAt = *stored, stored.at
	m.absent, m.firstAt = momentOr(m.image.AbsentAt), momentOf(m.image.FirstSeenAt)
	if stored.kind != pulls.Suspect {
		m.openRow(nil) // its sights follow, and change nothing
		return
	}
	m.openRow(stored.packed)
	m.packed = m.unpacked
	m.run.kept = m.run.kept[:0] // the one sight there is
	if m.state.Before = -1; isLast {
		m.state.Before = value(m.image.CountBefore)
	}
}
