package store

import (
	"context"
	"math"

	"syncer/internal/pulls"
)

// finish writes what came of the image at hand.
func (m *merger) finish(ctx context.Context) error {
	if m.image == nil {
		return nil
	}
	m.drain(math.MaxInt64)
	if m.waiting {
		m.step(&m.pending, true)
	}
	m.closeRow()
	m.dropOld(math.MaxInt64)
	m.compareDays()
	if m.state.Kind != 0 {
		m.settle()
	}
	m.image = nil
	return m.out.flushAt(ctx, importChunk)
}

// settle makes the image's row true.
func (m *merger) settle() {
	before := m.image.image
	want := before
	m.settleCount(&want)
	m.settleFacts(&want)
	m.settleFirst(&want)
	m.settleLast(&want)
	if !m.image.known {
		m.repo.added++
		m.im.sum.ImagesNew++
		m.out.images = append(m.out.images, want)
		return
	}
	if !sameValues(&before, &want) {
		m.im.sum.ImagesMoved++
		m.out.updates = append(m.out.updates, want)
	}
}

func (m *merger) settleCount(want *image) {
	kind := int16(m.state.Kind)
	count := m.state.Count
	want.Kind, want.PullCount, want.Generation, want.CountBefore = &kind, &count, m.state.Generation, nil
	if m.state.Kind == pulls.Suspect {
		before := m.state.Before
		want.CountBefore = &before
	}
	if m.rowsMade {
		want.ObservedAt = momentPtr(m.row.at)
	}
	if m.pulledAt != never || !want.FirstSeenAt.Before(m.im.horizon) || !m.image.known {
		want.LastPulledAt = momentPtr(m.pulledAt)
	}
}

// settleFacts takes over what the latest observations say. What was recorded last holds; silence changes nothing.
func (m *merger) settleFacts(want *image) {
	want.setCreated(m.state.Created)
	if m.tag != "" && !m.isCurrent {
		tag := m.tag
		want.LatestTag = &tag
	}
	if m.updated != "" && m.updated != value(want.UpdateTimeRaw) {
		updated := m.updated
		want.UpdateTimeRaw, want.UpdatedAt = &updated, optional(m.timestamp(updated).At)
	}
}

func (m *merger) settleFirst(want *image) {
	if m.firstAt == never {
		return // its beginning is dropped and stays what it was
	}
	first := dayNumber(m.firstAt)
	switch old := momentOf(want.FirstSeenAt); {
	case !m.image.known:
		m.repo.dayImages[first]++
	case m.firstAt > old:
	case dayNumber(old) != first:
		m.repo.dayImages[first]++
		m.repo.dayImages[dayNumber(old)]--
	}
	if !m.image.known || m.firstAt < momentOf(want.FirstSeenAt) {
		want.FirstSeenAt = momentTime(m.firstAt)
	}
	want.AbsentAt = momentPtr(m.absent)
}

// settleLast takes over when the image was seen last, and what looks at the repo after that prove of its absence.
func (m *merger) settleLast(want *image) {
	known, counted := never, m.lastAt
	if m.image.known {
		known = momentOr(firstOf(m.image.LastSeenAt, momentPtr(m.repo.lastLook)))
		if m.image.Kind != nil {
			counted = max(counted, m.lastCounted())
		}
	}
	seen := max(known, m.lastAt)
	want.LastSeenAt, want.LastCountedAt = nil, nil
	if seen != m.repo.newLook {
		want.LastSeenAt = momentPtr(seen)
	}
	if counted != seen {
		want.LastCountedAt = momentPtr(counted)
	}
	toldMissing := seen == m.lastAt && m.lastFacts.missing > seen
	if m.image.known && seen == known && (!toldMissing || m.image.MissingSince != nil) {
		return
	}
	if m.image.MissingSince != nil {
		was := presence(&m.image.image)
		m.out.event(m.image, seen, "reappeared", &was)
	}
	if m.image.DeletedAt != nil {
		m.repo.dayImages[dayNumber(seen)]++
	}
	m.judgeAbsence(want, seen)
}

// judgeAbsence adds up the evidence that looks after the last sight give. Those that drifted are left to coming looks.
func (m *merger) judgeAbsence(want *image, seen int64) {
	want.Absence, want.MissingSince, want.DeletedAt = 0, nil, nil
	missing, deleted := never, never
	proofs := m.looks.proofsAfter(seen)
	switch {
	case len(proofs) >= 2:
		missing, deleted = proofs[0], proofs[1]
	case len(proofs) == 1:
		missing = proofs[0]
	case m.repo.complete > seen: // the records of looks are not kept any more
		missing = m.repo.complete
	}
	if told := &m.lastFacts; seen == m.lastAt {
		missing, deleted = sooner(seen, missing, told.missing), sooner(seen, deleted, told.deleted)
	}
	if deleted == never && m.repo.gone > seen {
		deleted = m.repo.gone
		if missing == never {
			missing = deleted
		}
	}
	if missing != never {
		want.Absence, want.MissingSince = missingAt, momentPtr(missing)
		m.out.event(m.image, missing, "missing", countText(want))
	}
	if deleted != never {
		want.Absence, want.DeletedAt = deletedAt, momentPtr(deleted)
		m.out.event(m.image, deleted, "deleted", countText(want))
		m.repo.dayImages[dayNumber(deleted)]--
	}
}

// sooner is the earlier of two moments, if there is one and it is after the sight.
func sooner(seen, a, b int64) int64 {
	if b > seen && (a == never || b < a) {
		return b
	}
	return a
}

// sameValues compares what an import may have changed.
func sameValues(a, b *image) bool {
	return equal(a.PullCount, b.PullCount) && equal(a.Kind, b.Kind) && equal(a.CountBefore, b.CountBefore) &&
		sameMoment(a.ObservedAt, b.ObservedAt) && a.Generation == b.Generation && equal(a.LatestTag, b.LatestTag) &&
		equal(a.CreateTimeRaw, b.CreateTimeRaw) && sameMoment(a.CreatedAt, b.CreatedAt) && equal(a.UpdateTimeRaw, b.UpdateTimeRaw) &&
		sameMoment(a.UpdatedAt, b.UpdatedAt) && a.FirstSeenAt.Equal(b.FirstSeenAt) && sameMoment(a.AbsentAt, b.AbsentAt) &&
		sameMoment(a.LastSeenAt, b.LastSeenAt) && sameMoment(a.LastCountedAt, b.LastCountedAt) &&
		sameMoment(a.LastPulledAt, b.LastPulledAt) && a.Absence == b.Absence && sameMoment(a.MissingSince, b.MissingSince) &&
		sameMoment(a.DeletedAt, b.DeletedAt)
}

// mergedDay is a row of the roll-up, but for its image.
type mergedDay struct {
	day     int32
	resets  int32
	pulls   int64
	counted bool
	count   int64
}

func addMergedDay(list []mergedDay, r *mergedRow) []mergedDay {
	day := dayNumber(r.at)
	if n := len(list); n == 0 || list[n-1].day != day {
		list = append(list, mergedDay{day: day})
	}
	d := &list[len(list)-1]
	d.count = r.count
	if r.counted {
		d.counted, d.pulls = true, addCapped(d.pulls, r.pulls)
	}
	if r.kind == pulls.Reset {
		d.resets++
	}
	return list
}

// compareDays hands on what changes in the roll-up. Both lists are in order.
func (m *merger) compareDays() {
	old, days := m.oldDays, m.days
	for len(old) > 0 || len(days) > 0 {
		switch {
		case len(days) == 0 || len(old) > 0 && old[0].day < days[0].day:
			m.out.removeDay(m.image.ID, old[0].day)
			m.shift(old[0].day, -old[0].pulls)
			old = old[1:]
		case len(old) == 0 || days[0].day < old[0].day:
			m.out.addDay(m.image.ID, &days[0])
			m.shift(days[0].day, days[0].pulls)
			days = days[1:]
		default:
			if days[0] != old[0] {
				m.out.changeDay(m.image.ID, &days[0])
				m.shift(days[0].day, days[0].pulls-old[0].pulls)
			}
			old, days = old[1:], days[1:]
		}
	}
}

// shift notes by how much the pulls of a day change for the repo.
func (m *merger) shift(day int32, pulls int64) {
	if pulls != 0 {
		m.repo.dayPulls[day] += pulls
	}
}
