package walk

import (
	"slices"
	"time"
)

// finding is what the pages of a walk say about each other.
type finding struct {
	list       []int32 // the rows in the list's order, each seam once
	broken     int     // neighbours that do not share the rows they should
	torn       int     // of these, neighbours that hold different rows in the same places
	duplicates int     // rows met again outside a seam
	blank      int     // rows that cannot be told from others
	counted    bool    // as many rows were seen as there were at the beginning, none of them made meanwhile
	clean      bool    // nothing moved: every row of the list was seen
}

// check compares neighbouring pages and counts. A walk is clean when every page begins with the rows the one before it ends
// with, no row repeats, the total stays the same, as many rows were seen as it says, and none of them was made meanwhile.
//
// The last condition closes the one gap of the others: an image that is taken away, one that is put in its place and a third
// that moves from the part not read yet to the part already read leave all seams and counts as they were. Where rows say when
// they were made, a walk that is clean lost nothing in whatever order the list is kept: as many rows as there were at its
// beginning were seen, and all of them were there at its beginning.
func (w *walk) check() finding {
	f := finding{list: slices.Clone(w.spans[0].rows)}
	reach := w.reach()
	for _, s := range w.spans[1:] {
		if len(s.rows) == 0 && s.offset >= reach {
			continue // asked for beyond the end
		}
		shared := min(max(0, len(f.list)-s.offset), len(s.rows))
		if !w.joins(f.list, s) {
			f.broken++
		}
		if shared > 0 && !slices.Equal(f.list[s.offset:s.offset+shared], s.rows[:shared]) {
			f.torn++
		}
		f.list = append(f.list, s.rows[shared:]...)
	}
	met := make([]bool, len(w.book.images))
	for _, n := range f.list {
		switch {
		case n == nameless:
			f.blank++
		case met[n]:
			f.duplicates++
		default:
			met[n] = true
		}
	}
	if len(w.spans) == 1 { // read in one piece: nothing can have moved meanwhile
		f.counted = w.total < 0 || w.total == int64(w.book.seen+f.blank)
	} else {
		f.counted = w.spans[0].total == int64(w.book.seen+f.blank) && w.stamps().made == 0
	}
	f.clean = w.state == ended && f.broken == 0 && f.duplicates == 0 && w.steady && f.counted
	return f
}

// joins reports whether a page begins with the rows that the list before it ends with. A nameless row matches any nameless row,
// but is not evidence.
func (w *walk) joins(list []int32, s span) bool {
	shared := len(list) - s.offset
	if shared <= 0 || shared < w.overlap() && len(s.rows) > shared {
		return false
	}
	named := false
	for i := range min(shared, len(s.rows)) {
		if list[s.offset+i] != s.rows[i] {
			return false
		}
		named = named || s.rows[i] != nameless
	}
	return named
}

// stamps are what the rows of a walk tell of the time since it began.
type stamps struct {
	made    int // rows made since
	touched int // rows made or changed since
}

// stamps counts the rows that this walk saw and that bear a time between its beginning and now. What claims to come from the
// future is not counted: it is a matter of time zones.
func (w *walk) stamps() stamps {
	from, to := w.began.Truncate(time.Second), w.pager.Now() // seconds are as fine as most of the registry's times
	within := func(t time.Time) bool { return !t.Before(from) && !t.After(to) }
	var s stamps
	for n := range w.book.images {
		if w.book.walks[n] != w.book.walk {
			continue
		}
		made := within(w.book.images[n].Created.At)
		if made {
			s.made++
		}
		if made || within(w.book.images[n].Updated.At) {
			s.touched++
		}
	}
	return s
}
