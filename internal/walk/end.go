package walk

import "slices"

// beyond reports whether a page past the last row was asked for and was empty.
func (w *walk) beyond(reach int) bool {
	return slices.ContainsFunc(w.spans, func(s span) bool { return len(s.rows) == 0 && s.offset >= reach })
}

// length is how long the list is thought to be: what the registry says, unless a walk before this one found an end sooner.
func (w *walk) length() int64 {
	if w.known > 0 {
		return min(w.total, w.known)
	}
	return w.total
}

// atEnd reports whether the list ends at reach.
func (w *walk) atEnd(reach int) bool {
	switch {
	case reach == 0:
		return w.total <= 0 && !w.silent // else rows are kept back, or nothing is known of any
	case len(w.spans) == 1:
		return false // it may be cut short by a server that gives a page's length as TotalCount
	case w.nothingBehind(reach):
		return w.beyond(reach) || w.total == int64(reach)
	}
	for _, s := range w.spans {
		if s.end() == reach && int64(reach) == s.total && len(s.rows) < w.widest && !w.lied {
			return true // the page with the last row was not full and says that it is the last
		}
	}
	return w.repeats() && len(w.spans) > 2
}

// nothingBehind reports whether the list was read on from its last rows and nothing more came. A server that has just begun to give no more rows
// than pages share would look the same, so TotalCount or an empty page behind has to confirm it.
func (w *walk) nothingBehind(reach int) bool {
	return len(w.spans) > 1 && w.tried[max(0, reach-w.overlap())]
}

// confirm is the offset that shows whether the list ends where it seems to; false when it does not seem to.
func (w *walk) confirm(reach int) (offset int, seems bool) {
	switch {
	case w.nothingBehind(reach):
		return reach, true
	case w.repeats():
		return 3*reach + 5, true // no list moves as far between two pages
	}
	return 0, false
}

// repeats reports whether all pages are the first once more, which was not full and says that there is no more: the server ignores Offset.
func (w *walk) repeats() bool {
	first := w.spans[0].rows
	return len(w.spans) > 1 && len(first) < w.limit && w.total > 0 && w.total <= int64(len(first)) &&
		!slices.ContainsFunc(w.spans, func(s span) bool { return !slices.Equal(s.rows, first) })
}
