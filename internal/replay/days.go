package replay

import (
	"math"
	"time"

	"syncer/internal/pulls"
)

// dayOf is the start of a moment's UTC day.
func dayOf(at time.Time) time.Time {
	const day = 24 * time.Hour
	return at.UTC().Truncate(day)
}

// addDay adds a history row to the sums; rows come in the order of time.
func addDay(days []Day, r *Row) []Day {
	day := dayOf(r.At)
	if n := len(days); n == 0 || !days[n-1].Day.Equal(day) {
		days = append(days, Day{Day: day, Unknown: true})
	}
	d := &days[len(days)-1]
	d.Count = r.Count
	if !r.Unknown {
		d.Unknown = false
		if d.Pulls > math.MaxInt64-r.Pulls { // a sum that wraps would be worse than one that stops
			d.Pulls = math.MaxInt64
		} else {
			d.Pulls += r.Pulls
		}
	}
	if r.Kind == pulls.Reset {
		d.Resets++
	}
	return days
}

// PresenceChange is by how much an image changes the number of images that its repo holds from the end of a day on.
type PresenceChange struct {
	Day   time.Time
	Delta int // 1 or -1
}

// Presence is on which days an image came and went, in the order of time: it is there from firstSeen on, without the spans
// in which it was deleted. Events must be in the order of time.
func Presence(firstSeen time.Time, events []Event) []PresenceChange {
	if firstSeen.IsZero() {
		return nil
	}
	changes := []PresenceChange{{Day: dayOf(firstSeen), Delta: 1}}
	gone := false
	for _, e := range events {
		var delta int
		switch {
		case e.Kind == Deleted && !gone:
			delta = -1
		case e.Kind == Reappeared && gone:
			delta = 1
		default:
			continue
		}
		gone = !gone
		day, last := dayOf(e.At), len(changes)-1
		if last >= 0 && changes[last].Day.Equal(day) { // came and went on one day
			changes = changes[:last]
		} else {
			changes = append(changes, PresenceChange{Day: day, Delta: delta})
		}
	}
	return changes
}
