package store

import (
	"bytes"
	"context"
	"math"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// merger makes of each image's observations, old and new, the rows that they come to when they are made in the order of their
// moments, and hands the difference to what is stored on.
type merger struct {
	im     *importer
	images *imageCursor
	out    *importWriter
	repo   *importRepo

	// Of the image at hand:
	image   *importImage
	looks   *liveLooks
	run     storedRun
	floor   int64 // observations up to it belong to history that was dropped
	blocked bool  // the beginning of the history was dropped, and the first kept row has not come yet

	pending  sight // taken, and not yet known to be the last of its moment
	waiting  bool
	state    pulls.State
	lastAt   int64 // last sight that was folded
	row      mergedRow
	open     bool
	pack     packer
	packed   facts // facts of the last packed sight
	unpacked facts // facts of the last unpacked sight

	rowsMade  bool
	old       []mergedRow // stored rows that no new one was held against yet
	days      []mergedDay
	oldDays   []mergedDay
	tag       string // the last that was recorded, and the last UpdateTime
	updated   string
	absent    int64
	firstAt   int64
	pulledAt  int64
	lastFacts facts
	isCurrent bool // the last sight is the last live look

	lastGeneration int32 // of the last stored row that came by
}

// take folds one row of the stream.
func (m *merger) take(ctx context.Context, r *streamed) error {
	if m.image == nil || m.image.ID != r.image {
		if err := m.finish(ctx); err != nil {
			return err
		}
		if err := m.begin(ctx, r.image); err != nil {
			return err
		}
	}
	if r.isHistory {
		return m.takeStored(r)
	}
	m.takeFresh(r)
	return nil
}

func (m *merger) begin(ctx context.Context, id int64) (err error) {
	found, err := m.images.find(ctx, id)
	if err != nil {
		return err
	}
	*m = merger{
		im: m.im, images: m.images, out: m.out, image: found, repo: m.im.repos[id>>32], old: m.old[:0], days: m.days[:0], oldDays: m.oldDays[:0],
		floor: never, packed: noFacts, unpacked: noFacts, absent: never, firstAt: never, pulledAt: never, lastAt: never,
		pack: m.pack, run: storedRun{kept: m.run.kept[:0], extra: m.run.extra[:0]},
	}
	if m.looks, err = m.im.liveLooksOf(ctx, m.repo); err != nil {
		return err
	}
	if !found.known || !found.FirstSeenAt.Before(m.im.horizon) {
		return nil
	}
	if found.ObservedAt != nil && !found.ObservedAt.Before(m.im.horizon) {
		m.blocked = true
		return nil
	}
	// Nothing is kept of its history: it goes on from what is known of it now.
	m.state, m.lastAt = found.state(), m.lastCounted()
	m.floor, m.pulledAt = m.lastAt, momentOr(found.LastPulledAt)
	m.tag, m.updated = value(found.LatestTag), value(found.UpdateTimeRaw)
	return nil
}

// lastCounted is the last look that read the stored count.
func (m *merger) lastCounted() int64 {
	return momentOr(firstOf(m.image.LastCountedAt, m.image.LastSeenAt, momentPtr(m.repo.lastLook)))
}

// takeFresh folds an observation of the import.
func (m *merger) takeFresh(r *streamed) {
	if m.blocked || r.at <= m.floor {
		m.im.sum.TooOld++
		return
	}
	if m.run.holds(r.at) && (r.count != m.run.count || r.facts.created != "" && r.facts.created != m.state.Created.Raw) {
		m.run.consider(m.looks.around(r.at), m.passed())
	}
	m.drain(r.at)
	m.push(&sight{at: r.at, count: r.count, facts: r.facts, kept: true, fresh: true})
}

// passed is the moment before which no sight can be pushed any more.
func (m *merger) passed() int64 {
	if m.waiting {
		return m.pending.at
	}
	return m.lastAt
}

// drain folds the sights of the stored run that lie before a moment.
func (m *merger) drain(until int64) {
	for {
		s, ok := m.run.next(until)
		if !ok {
			return
		}
		m.push(&s)
	}
}

// push folds a sight once no other of the same moment can come. Sights are pushed in the order of time.
func (m *merger) push(s *sight) {
	if m.waiting && m.pending.at == s.at {
		if m.pending.join(s) && m.pending.fresh {
			m.im.sum.Conflicts++
		}
		return
	}
	if m.waiting {
		m.step(&m.pending, false)
	}
	m.pending, m.waiting = *s, true
}

// step folds one sight.
func (m *merger) step(s *sight, last bool) {
	o := pulls.Observation{Count: s.count, Created: m.timestamp(s.facts.created)}
	var change pulls.Change
	since, changed := m.lastAt, true
	switch {
	case m.state.Kind == 0:
		m.firstAt, m.absent = s.at, m.absentBefore(s)
		m.state, change = pulls.First(o, m.absent != never)
		since = m.absent
	case s.anew && s.facts.created == "":
		m.state.Created, o.Created = anewBefore, anewNow
		m.state, change, changed = pulls.Next(m.state, o)
		m.state.Created = registry.Timestamp{} // whatever it was, it is not what it was before
	default:
		if m.state.Kind == pulls.Suspect && m.state.Before < 0 {
			m.state.Before = math.MaxInt64 // dropped with the history; nothing shows that the count came back
		}
		m.state, change, changed = pulls.Next(m.state, o)
	}
	if changed {
		m.closeRow()
		m.row = mergedRow{
			at: s.at, since: since, count: change.Count, generation: change.Generation, kind: change.Kind, counted: !change.Unknown,
		}
		if !change.Unknown {
			m.row.pulls = change.Pulls
		}
		m.openRow(nil)
	}
	// The facts of the last live look are those of the image's row, until a later observation takes their place there.
	if s.kept || s.current && !last {
		m.pack.add(s, &m.packed)
	}
	m.lastAt, m.lastFacts, m.isCurrent = s.at, s.facts, s.current
	if s.facts.tag != "" {
		m.tag = s.facts.tag
	}
	if s.facts.updated != "" {
		m.updated = s.facts.updated
	}
}

func (m *merger) openRow(packed []byte) {
	m.open, m.rowsMade = true, true
	m.pack = newPacker(m.pack.buf, m.row.at)
	m.pack.buf = append(m.pack.buf, packed...)
	m.days = addMergedDay(m.days, &m.row)
	if m.row.pulls > 0 {
		m.pulledAt = m.row.at
	}
}

// closeRow hands a row on as soon as all of its observations are known.
func (m *merger) closeRow() {
	if !m.open {
		return
	}
	m.open = false
	if m.row.packed = nil; len(m.pack.buf) > 0 {
		m.row.packed = m.pack.buf
	}
	m.dropOld(m.row.at)
	if len(m.old) == 0 || m.old[0].at != m.row.at {
		m.out.addRow(m.image.ID, &m.row)
		return
	}
	switch old := &m.old[0]; {
	case !old.same(&m.row):
		m.im.sum.RowsChanged++
		m.out.changeRow(m.image.ID, &m.row)
	case (old.packed == nil) != (m.row.packed == nil) || !bytes.Equal(old.packed, m.row.packed):
		m.out.changeRow(m.image.ID, &m.row)
	}
	m.old = m.old[1:]
}

// dropOld removes stored rows before a moment: none of the new ones is at theirs.
func (m *merger) dropOld(before int64) {
	for len(m.old) > 0 && m.old[0].at < before {
		m.out.removeRow(m.image.ID, m.old[0].at)
		m.old = m.old[1:]
	}
}

// timestamp understands a raw time; most are the one before.
func (m *merger) timestamp(raw string) registry.Timestamp {
	switch raw {
	case "":
		return registry.Timestamp{}
	case m.state.Created.Raw:
		return m.state.Created
	case value(m.image.CreateTimeRaw):
		return registry.Timestamp{Raw: raw, At: value(m.image.CreatedAt)}
	}
	t, _ := registry.ParseTimestamp(raw, m.im.opt.Zone)
	return t
}

// absentBefore is the last look known not to have held the image before its first sight.
func (m *merger) absentBefore(s *sight) int64 {
	first, absent := s.at, never
	if m.image.known {
		first = min(first, momentOf(m.image.FirstSeenAt))
	}
	if s.facts.absent < first {
		absent = s.facts.absent
	}
	if m.image.known && first == momentOf(m.image.FirstSeenAt) {
		return max(absent, momentOr(m.image.AbsentAt))
	}
	if m.repo.complete < s.at {
		absent = max(absent, m.repo.complete)
	}
	return max(absent, m.looks.proofBefore(s.at))
}
