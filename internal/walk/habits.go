package walk

import "sync"

// Habits are what a server was seen to do in one action of the API during one run. Lists share them. They may save a request, and
// never stand in for what a list has to show itself; what contradicts them wipes them out.
type Habits struct {
	mu      sync.Mutex
	asked   int  // rows a page that the user wants to be asked for
	limit   int  // rows a page that are asked for
	proven  bool // a list gave a page of limit rows, or said that it has fewer
	strikes int  // lists in a row that refused limit and took less
}

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
	h.limit, h.proven, h.strikes = h.asked, false, 0
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
