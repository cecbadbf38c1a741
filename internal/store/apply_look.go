package store

import (
	"strconv"
	"time"

	"syncer/internal/registry"
	"syncer/internal/replay"
)

// A look that misses more live images than both of these is not believed.
const (
	massDeleteMin     = 10
	massDeletePercent = 15
)

// look is one snapshot on its way into the database: what the repo's row said before, and what came of it.
type look struct {
	snap      *registry.Snapshot
	repoID    int64
	at        time.Time  // the look's moment, later than any before
	lastLook  *time.Time // the look before
	leaving   bool       // the repo left the lists: a look at nothing, which is not held
	complete  *time.Time // the last look before that proves absence
	weight    int        // evidence of absence
	release   bool       // mass deletion is allowed
	heldSince *time.Time // since when vanished images are held back
	goneAt    *time.Time // since when the repo itself counts as gone

	seen      map[string]int32 // index into snap.Images by name
	found     []bool           // images that the database knew
	unseen    []image          // live images that the snapshot lacks, and deleted ones with something left to write
	nextImage int64
	live      int64 // images that are not deleted, and the sum of their counts
	liveSum   int64
	pulls     int64
	rises     int32 // images of which pulls are noticed for the first time that day

	out                             replay.Outcome
	isHeld                          bool
	vanished                        int // live images that were not missing before and are not in the list
	added, changed, missing, logged int
}

// index makes the snapshot ready to be found by name.
func (l *look) index() {
	l.seen = make(map[string]int32, len(l.snap.Images))
	for i := range l.snap.Images {
		l.seen[l.snap.Images[i].Name] = int32(i)
	}
	l.found = make([]bool, len(l.snap.Images))
}

// proves reports whether an image that the look lacks was not there.
func (l *look) proves() bool { return l.whole() && !l.isHeld }

// whole reports whether the list was read completely. A row without a readable name may have been any image.
func (l *look) whole() bool { return l.snap.Evidence == registry.Complete && l.snap.Nameless == 0 }

// absenceWeight is what the look adds to the evidence that an image it lacks is gone.
func (l *look) absenceWeight() int {
	if l.snap.Nameless > 0 {
		return 0
	}
	return l.snap.Evidence.Weight()
}

// see writes down that a known image is in the list as img.
func (l *look) see(c *changes, m image, img *registry.Image) {
	l.step(c, &m, observed(img))
	l.addLive(&m)
}

// miss writes down that a known image is not in the list.
func (l *look) miss(c *changes, m image) {
	before := m.MissingSince
	l.step(c, &m, replay.Observation{Absent: true, Weight: int8(l.weight)})
	if before == nil && m.MissingSince != nil {
		l.missing++
	}
	if m.DeletedAt == nil {
		l.addLive(&m)
	}
}

// add writes down an image that was never seen before.
func (l *look) add(c *changes, img *registry.Image) {
	m := image{ID: l.repoID<<32 + l.nextImage, RepoID: l.repoID, Name: img.Name}
	l.nextImage++
	s := replay.State{AbsentAt: value(l.complete)}
	l.take(c, &m, &s, observed(img))
	l.addLive(&m)
	c.images.add = append(c.images.add, m)
	l.added++
}

// step lets replay judge what the look says of a known image, and notes what that changes.
func (l *look) step(c *changes, m *image, o replay.Observation) {
	s := m.state(value(l.lastLook))
	if m.FirstSeenAt == nil && value(l.complete).After(s.AbsentAt) { // archives alone know of it, and that it was not there
		s.AbsentAt = *l.complete
	}
	if l.take(c, m, &s, o) {
		c.images.change = append(c.images.change, *m)
		l.changed++
	}
}

// take makes one step of replay from the state s and gathers what must be written. It reports whether the image's row changed.
func (l *look) take(c *changes, m *image, s *replay.State, o replay.Observation) bool {
	o.At = l.at
	out, pulled, before := &l.out, s.LastPulled, *m
	moved := replay.Step(s, &o, out)
	if m.setState(s, l.at); !moved { // an archive may have been the last to see it as it still is
		return !imageTable.same(&before, m)
	}
	if out.Fact {
		c.readings.add = append(c.readings.add, readingOf(m.ID, &out.Reading))
	}
	if out.Row.Kind != 0 {
		l.log(c, m.ID, value(m.ObservedAt), pulled, &out.Row)
		m.setRow(&out.Row)
	}
	for i := range out.Events {
		c.events.add = append(c.events.add, eventOf(m.ID, &out.Events[i]))
	}
	return true
}

// log adds a row of the history to the roll-up. last is the time of the history row before, and pulled of the last with pulls; zero
// for none.
func (l *look) log(c *changes, id int64, last, pulled time.Time, row *replay.Row) {
	sum := replay.DayOf(row)
	day := imageDayOf(id, &sum)
	if day.Pulls != nil {
		l.pulls = registry.AddCounts(l.pulls, *day.Pulls)
		if *day.Pulls > 0 && !dayOf(pulled).Equal(day.Day) {
			l.rises++
		}
	}
	if dayOf(last).Equal(day.Day) {
		c.dayAdds = append(c.dayAdds, day)
	} else {
		c.days.add = append(c.days.add, day)
	}
	l.logged++
}

// observed is what a row of the list says of its image.
func observed(img *registry.Image) replay.Observation {
	return replay.Observation{
		Counted: img.Counted, Count: img.PullCount, Tag: replay.Known(img.LatestTag), Created: stored(img.Created), Updated: stored(img.Updated),
	}
}

// stored is a timestamp as the database keeps it.
func stored(t registry.Timestamp) registry.Timestamp {
	t.At = t.At.UTC().Truncate(time.Microsecond)
	return t
}

// judge decides, once all known images of the list were seen, whether those that were not may count as gone. Images of which an
// earlier look was believed that it did not see them do not vanish once more: what was released stays released.
func (l *look) judge(c *changes) {
	if l.leaving {
		l.weight = replay.WeightGone
		return
	}
	for i := range l.unseen {
		if l.unseen[i].Absence == 0 {
			l.vanished++
		}
	}
	limit := max(massDeleteMin, (int(l.live)+l.vanished)*massDeletePercent/100)
	empty := len(l.snap.Images) == 0 && l.vanished > 0
	doubtful := l.vanished > limit || empty
	l.weight = l.absenceWeight()
	// A look that proves nothing cannot mark what was released, so it releases nothing.
	// One that was not read to the end says nothing of the rest: it holds nothing back either.
	l.isHeld = doubtful && (!l.release || l.weight == 0) && l.snap.Unread == ""
	if l.isHeld {
		l.weight = 0
	}
	vanished := strconv.Itoa(l.vanished)
	switch {
	case l.isHeld && l.heldSince == nil:
		l.event(c, "held", &vanished)
		l.heldSince = &l.at
	case !l.isHeld && l.heldSince != nil && l.snap.Unread == "":
		l.event(c, "released", &vanished)
		l.heldSince = nil
	}
	if l.goneAt != nil {
		l.event(c, "back", nil)
	}
}

// event notes what happened to the repo itself.
func (l *look) event(c *changes, name string, now *string) {
	c.events.add = append(c.events.add, event{At: l.at, Repo: l.repoID, Event: name, NewValue: now})
}

func (l *look) addLive(m *image) {
	l.live++
	l.liveSum = registry.AddCounts(l.liveSum, value(m.PullCount))
}
