package store

import (
	"math"
	"strconv"
	"time"

	"syncer/internal/registry"
)

// Evidence of absence adds up, see registry.Evidence.Weight.
const (
	missingAt = 2
	deletedAt = 4
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

// proves tells whether an image that the look lacks was not there.
func (l *look) proves() bool { return l.whole() && !l.isHeld }

// whole tells whether the list was read completely. A row without a readable name may have been any image.
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
	before := m
	since := firstOf(m.LastCountedAt, m.LastSeenAt, l.lastLook)
	if m.MissingSince != nil {
		l.event(c, &m, "reappeared", optional(presence(&m)), nil)
	}
	m.Absence, m.MissingSince, m.DeletedAt = 0, nil, nil
	m.LastSeenAt = nil
	if img.Counted {
		m.LastCountedAt = nil
		l.count(c, &m, img, since)
	} else if m.Kind != nil && m.LastCountedAt == nil {
		m.LastCountedAt = since // this look saw the image but is no look at its count
	}
	if img.LatestTag != value(m.LatestTag) {
		if img.LatestTag != "" {
			l.event(c, &m, "tag_pushed", m.LatestTag, &img.LatestTag)
		}
		m.LatestTag = optional(img.LatestTag)
	}
	if raw := img.Updated.Raw; raw != "" && raw != value(m.UpdateTimeRaw) {
		m.UpdateTimeRaw, m.UpdatedAt = &raw, optional(img.Updated.At)
	}
	l.addLive(&m)
	if !sameImage(&before, &m) {
		c.updates = append(c.updates, m)
		l.changed++
	}
}

// add writes down an image that was never seen before.
func (l *look) add(c *changes, img *registry.Image) {
	m := image{
		ID: l.repoID<<32 + l.nextImage, Name: img.Name, Generation: 1, LatestTag: optional(img.LatestTag),
		UpdateTimeRaw: optional(img.Updated.Raw), UpdatedAt: optional(img.Updated.At), FirstSeenAt: l.at, AbsentAt: l.complete,
	}
	m.setCreated(img.Created)
	l.nextImage++
	if img.Counted {
		l.count(c, &m, img, nil)
	}
	l.addLive(&m)
	c.inserts = append(c.inserts, m)
	l.added++
}

// judge decides, once all known images of the list were seen, whether those that were not may count as gone. Images of which an
// earlier look was believed that it did not see them do not vanish once more: what was released stays released.
func (l *look) judge(c *changes) {
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
		l.event(c, nil, "held", nil, &vanished)
		l.heldSince = &l.at
	case !l.isHeld && l.heldSince != nil && l.snap.Unread == "":
		l.event(c, nil, "released", nil, &vanished)
		l.heldSince = nil
	}
	if l.goneAt != nil {
		l.event(c, nil, "back", nil, nil)
	}
}

// miss writes down that a live image is not in the list.
func (l *look) miss(c *changes, m image) {
	before := m
	if m.LastSeenAt == nil {
		m.LastSeenAt = l.lastLook
	}
	m.Absence = int16(min(int(m.Absence)+l.weight, deletedAt))
	if m.Absence >= missingAt && m.MissingSince == nil {
		m.MissingSince = &l.at
		l.missing++
		l.event(c, &m, "missing", countText(&m), nil)
	}
	if m.Absence >= deletedAt {
		m.DeletedAt = &l.at
		l.event(c, &m, "deleted", countText(&m), nil)
	} else {
		l.addLive(&m)
	}
	if !sameImage(&before, &m) {
		c.updates = append(c.updates, m)
		l.changed++
	}
}

func (l *look) event(c *changes, m *image, event string, old, now *string) {
	e := eventRow{at: l.at, repo: l.repoID, event: event, old: old, new: now}
	if m != nil {
		e.image = &m.ID
	}
	c.events = append(c.events, e)
}

func (l *look) addLive(m *image) {
	l.live++
	l.liveSum = addCapped(l.liveSum, value(m.PullCount))
}

func (m *image) setCreated(t registry.Timestamp) {
	if t.Raw != "" && t.Raw != value(m.CreateTimeRaw) {
		m.CreateTimeRaw, m.CreatedAt = &t.Raw, optional(t.At)
	}
}

// presence says how an image that is seen again was kept in the books.
func presence(m *image) string {
	if m.DeletedAt != nil {
		return "deleted"
	}
	return "missing"
}

func countText(m *image) *string {
	if m.PullCount == nil {
		return nil
	}
	text := strconv.FormatInt(*m.PullCount, 10)
	return &text
}

// sameImage compares what see and miss may have changed. Pointers are compared as such: whatever changes gets a new one.
func sameImage(a, b *image) bool {
	x, y := *a, *b
	return x == y
}

func firstOf(times ...*time.Time) *time.Time {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// addCapped adds counts that a hostile registry may have made up; the sum stays at the largest number rather than wrapping.
func addCapped(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
