package walk

import "sync"

// Habits are what a server was seen to do in one action of the API during one run. Lists share them. They may save a request, and
// never stand in for what a list has to show itself; what contradicts them wipes them out.
type Habits struct {
	mu      sync.Mutex
	asked   int          // rows a page that the user wants to be asked for
	limit   int          // rows a page that are asked for
	proven  bool         // a list gave a page of limit rows, or said that it has fewer
	strikes int          // lists in a row that refused limit and took less
	counts  bool         // TotalCount was right where it was not the length of the page that told it
	lies    bool         // TotalCount was less than the rows that came with it; nothing is believed any more
	whole   map[int]bool // lengths of first pages that were looked behind and were whole lists
	last    int          // rows of the last list's first page, if in question
	streak  int          // first pages in a row of that length
	proof   int          // the streak at which it is looked behind again
}

// firstProof is the streak of first pages of one length at which that begins to look like a cut. Each further one is twice as long.
const firstProof = 3

// NewHabits knows nothing of the server yet. Pages of limit rows are asked for.
func NewHabits(limit int) *Habits {
	h := &Habits{asked: limit}
	h.Reset()
	return h
}

// Reset forgets everything, as a run begins.
func (h *Habits) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.limit, h.proven, h.strikes, h.counts, h.lies, h.whole = h.asked, false, 0, false, false, map[int]bool{}
}

// size is how many rows are to be asked for.
func (h *Habits) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.limit
}

// accepted notes that a list's first page was given in a size.
func (h *Habits) accepted(limit int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if limit == h.limit {
		h.proven, h.strikes = true, 0
	}
}

// refused notes that a list refused a size and took a smaller one. One list that is unlike the others does not make all pages smaller.
func (h *Habits) refused(limit, smaller int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if limit != h.limit {
		return
	}
	h.strikes++
	if !h.proven || h.strikes > 1 {
		h.limit, h.proven, h.strikes = smaller, true, 0
	}
}

// learn takes over what a walk showed of TotalCount.
func (h *Habits) learn(w *walk, f finding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	atRest := w.state == ended && f.broken == 0 && f.duplicates == 0
	if h.lies = h.lies || w.lied; h.lies || atRest && !f.clean {
		h.counts = false
		clear(h.whole)
		return
	}
	if !f.clean || len(w.spans) == 1 {
		return
	}
	for _, s := range w.spans {
		h.counts = h.counts || int64(len(s.rows)) < s.total
	}
	if first := w.spans[0].end(); w.reach() == first {
		h.whole[first] = true
	}
}

// believed reports whether a first page of so many rows can be taken for the whole list when TotalCount says so: TotalCount was right in other
// lists, and one of just this length was looked behind and went no further. The second is for a server that begins to cut pages
// short in the middle of a run: the first list that it cuts is looked behind, and gives it away.
//
// Should it cut at just that length, first pages begin to be alike: from time to time one in such a row is looked behind again.
func (h *Habits) believed(rows int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rows != h.last {
		h.last, h.streak, h.proof = rows, 0, firstProof
	}
	if h.streak++; h.streak == h.proof {
		h.proof *= 2
		return false
	}
	return h.counts && h.whole[rows]
}
