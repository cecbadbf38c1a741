package replay

import (
	"iter"
	"time"

	"syncer/internal/pulls"
)

// Has reports whether there was a look at that very moment.
func (l *Looks) Has(at time.Time) bool { return l.isAt(l.search(0, at), at) }

// DayOf is the sum of a single history row.
func DayOf(r *Row) Day {
	d := Day{Day: dayOf(r.At), Pulls: r.Pulls, Unknown: r.Unknown, Count: r.Count}
	if r.Kind == pulls.Reset {
		d.Resets = 1
	}
	return d
}

// Before is the moment of the last look before another; zero when there is none.
func (l *Looks) Before(at time.Time) time.Time {
	if i := l.search(0, at); i > 0 {
		return l.moment(i - 1)
	}
	return time.Time{}
}

// After returns the looks from a moment on.
func (l *Looks) After(at time.Time) iter.Seq[Look] {
	return func(yield func(Look) bool) {
		for i := l.search(0, at); i < l.Len(); i++ {
			if !yield(l.Look(i)) {
				return
			}
		}
	}
}
