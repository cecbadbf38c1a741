// Package walk reads a list that moves under its reader, page by page, and says how complete the reading is. It knows pages, not how
// they are fetched.
package walk

import "context"

const (
	// seam is how many rows each page shares with the one before it. One row would not tell a shift by one from a swap.
	seam = 2
	// firstBatch is how many pages are asked for at once before the registry has shown that its TotalCount can be believed. Each
	// further batch is so many times as large, so the price of a lie is bounded by what there is.
	firstBatch  = 8
	batchGrowth = 4
	// sparePages is what a walk may read beyond a multiple of the pages its rows need.
	sparePages = 64
	// maxRows ends a walk of a list that never ends, at five times the size an account is planned for.
	maxRows = 5_000_000
)

// step is what a walk reads next.
type step struct {
	offsets []int
	gaps    bool // these are gaps between pages: finding nothing new there is no sign of being stuck
}

// run reads until the end is seen, nothing new comes any more, the registry gives no more, or the budget is used up.
func (w *walk) run(ctx context.Context) error {
	if err := w.first(ctx); err != nil || w.state != reading {
		return err
	}
	last, fresh := step{}, w.book.seen
	for {
		next := w.next(last, fresh)
		if w.state != reading {
			return nil
		}
		before := w.book.seen
		refused, err := w.read(ctx, next.offsets)
		if err == nil && refused != nil {
			err = w.overcome(ctx, *refused)
		}
		if err != nil || w.state != reading {
			return err
		}
		last, fresh = next, w.book.seen-before
	}
}

// gaps are the offsets at which rows between two pages, or the rows they should share, are still to be read: the server
// gave fewer rows than it did at first.
func (w *walk) gaps() []int {
	var offsets []int
	end := w.spans[0].end()
	for _, s := range w.spans[1:] {
		if len(s.rows) == 0 {
			continue
		}
		at := max(0, end-w.overlap())
		if s.offset+w.overlap() > end && !w.tried[at] && s.end() > end {
			offsets = append(offsets, at)
		}
		end = max(end, s.end())
	}
	return offsets
}

// next is what to read now. It sets the walk's state when the walk is over.
func (w *walk) next(last step, fresh int) step {
	reach := w.reach()
	if len(w.spans) > sparePages+4*(reach/max(1, w.widest-w.overlap())+1) || reach > maxRows {
		w.state = endless
		return step{}
	}
	gaps := w.gaps()
	if len(gaps) == 0 {
		gaps = w.mends()
	}
	switch {
	case len(gaps) > 0:
		return step{offsets: gaps, gaps: true}
	case w.atEnd(reach):
		w.state = ended
		return step{}
	}
	if offset, seems := w.confirm(reach); seems && !w.tried[offset] {
		return step{offsets: []int{offset}}
	}
	switch {
	case fresh == 0 && len(w.spans) > 1 && !last.gaps:
		w.state = stuck
		return step{}
	case w.length() <= int64(reach), w.beyond(reach),
		len(w.spans) == 1 && w.widest < w.limit: // pages are cut short or the total is too large: one page will tell
		return step{offsets: []int{max(0, reach-w.overlap())}}
	}
	return step{offsets: w.ahead(reach)}
}

// ahead are the offsets of the next batch of pages.
func (w *walk) ahead(reach int) []int {
	var offsets []int
	lap := w.overlap()
	if w.busy {
		lap = max(lap, w.widest/busyLap)
		w.batch = min(w.batch, busyBatch)
	}
	for at := max(0, reach-lap); int64(at+lap) < w.length() && len(offsets) < w.batch; at += max(1, w.widest-lap) {
		offsets = append(offsets, at)
	}
	w.batch *= batchGrowth
	return offsets
}
