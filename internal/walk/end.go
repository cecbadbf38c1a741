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
	if reach == 0 {
		return w.total <= 0 // else rows are kept back
	}
	if w.tried[max(0, reach-w.overlap())] && len(w.spans) > 1 {
		return true // read on from there, and nothing more came
	}
	if len(w.spans) == 1 {
		return w.onePage(reach)
	}
	for _, s := range w.spans {
		if s.end() == reach && int64(reach) == s.total && len(s.rows) < w.widest && !w.lied {
			return true // the page with the last row was not full and says that it is the last
		}
	}
	return w.repeats() && w.total > 0 && w.total <= int64(len(w.spans[0].rows))
}

// onePage reports whether the first page is the whole list. A page that is not full and says that there is no more may still have been cut
// short by a server that gives a page's length as TotalCount. So the registry's word is taken only where it was borne out.
func (w *walk) onePage(rows int) bool {
	return rows < w.limit && w.total == int64(rows) && w.habits.believed(rows)
}

// repeats reports whether the second page was the first once more and the first was not full: the server ignores Offset, and
// has said that there is no more.
func (w *walk) repeats() bool {
	return len(w.spans) == 2 && len(w.spans[0].rows) < w.limit && slices.Equal(w.spans[0].rows, w.spans[1].rows)
}
