package walk

import "sync"

// Habits are what a source's server was seen to do, for all its repos.
type Habits struct {
	mu     sync.Mutex
	widest int  // rows of the largest page it ever gave
	counts bool // its TotalCount went beyond a page and was right
	whole  int  // rows of the largest short page that was looked behind and was a whole list
}

// learn takes over what a walk showed.
func (h *Habits) learn(w *walk, clean bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.widest = max(h.widest, w.widest)
	h.counts = h.counts || clean && w.total > int64(w.widest)
	if first := w.spans[0].end(); w.ended && len(w.spans) == 2 && w.reach() == first {
		h.whole = max(h.whole, first)
	}
}

// longer tells whether the server gives more rows at a time than these, so that these are not a limit of its own.
func (h *Habits) longer(rows int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return rows < h.widest
}

// mayEndAt tells whether a page of these rows can be taken for a whole list on the server's word.
func (h *Habits) mayEndAt(rows int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts || rows < h.widest || rows <= h.whole
}
