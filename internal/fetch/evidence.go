package fetch

import "slices"

// finding is what the pages of a walk say about each other.
type finding struct {
	broken     int  // neighbours that do not share the rows they should
	duplicates int  // rows met again outside a seam
	clean      bool // nothing moved: every row of the list was seen
}

// check compares neighbouring pages and counts. A walk is clean when every page begins with the rows the one before it ends
// with, no row repeats, the total stays the same, and as many rows were seen as it says.
func (w *walk) check() finding {
	var f finding
	reach := w.reach()
	list := slices.Clone(w.spans[0].rows)
	for _, s := range w.spans[1:] {
		if len(s.rows) == 0 && s.offset >= reach {
			continue // asked for beyond the end
		}
		if !w.joins(list, s) {
			f.broken++
		}
		if shared := max(0, len(list)-s.offset); shared < len(s.rows) {
			list = append(list, s.rows[shared:]...)
		}
	}
	met := make([]bool, len(w.book.images))
	blank := 0
	for _, n := range list {
		switch {
		case n == nameless:
			blank++
		case met[n]:
			f.duplicates++
		default:
			met[n] = true
		}
	}
	counted := w.total == int64(w.book.seen+blank) || w.total < 0 && len(w.spans) == 1
	f.clean = w.ended && f.broken == 0 && f.duplicates == 0 && w.steady && counted
	w.habit.learn(w, f.clean)
	return f
}

// joins tells whether a page begins with the rows that the list before it ends with. Rows without a name fit any such row,
// but prove nothing.
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
