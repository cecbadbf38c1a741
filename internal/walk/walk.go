// Package walk reads a list that moves under its reader, page by page, and says how complete the reading is. It knows pages, not how
// they are fetched.
package walk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"syncer/internal/registry"
)

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

// Pager reads pages of one list, in any order and several at a time, and hands each to take as it comes; take is not called
// twice at once. It stops at the first error.
type Pager interface {
	Pages(ctx context.Context, offsets []int, take func(offset int, p registry.Page)) error
	Limit() int     // rows asked for
	Now() time.Time // by the registry's clock as far as it is known
}

// span is a page that was read: where it begins, its rows' numbers in the book, and the total it told.
type span struct {
	offset int
	rows   []int32
	total  int64
}

func (s span) end() int { return s.offset + len(s.rows) }

// walk is one passage over a list from its first row to its last.
type walk struct {
	pager Pager
	book  *book
	habit *Habits

	began  time.Time // by the registry's clock
	spans  []span    // by offset
	tried  map[int]bool
	total  int64 // as last heard; -1: nothing usable
	known  int64 // where the walk before found the end; 0: nowhere
	steady bool  // every page gave the same total
	widest int   // rows of the largest page
	batch  int
	fresh  int  // rows the book did not hold for this walk before the batch under way
	extra  int  // pages that are in no span
	ended  bool // the end of the list was seen
	silent bool // a page said nothing of the list, which proves neither an end nor anything else
	cut    bool // the walk was given up: the list has no end, or gives next to nothing a page
	// filling: the batch under way reads holes, which need not bring anything new
	filling bool
	busy    bool // the list moves so much that pages lose their links
	mended  int  // pages read to mend links
}

func newWalk(p Pager, b *book, h *Habits) *walk {
	b.turn()
	return &walk{pager: p, book: b, habit: h, began: p.Now(), tried: map[int]bool{}, total: -1, steady: true, batch: firstBatch}
}

// run reads until the end is seen, nothing new comes any more, or the budget is used up.
func (w *walk) run(ctx context.Context) error {
	for offsets := []int{0}; len(offsets) > 0; offsets = w.next() {
		before := w.book.seen
		if err := w.readAll(ctx, offsets); err != nil {
			return err
		}
		w.fresh = w.book.seen - before
	}
	return nil
}

// readAll reads pages and lays them in among the others.
func (w *walk) readAll(ctx context.Context, offsets []int) error {
	for _, offset := range offsets {
		w.tried[offset] = true
	}
	err := w.pager.Pages(ctx, offsets, func(offset int, p registry.Page) { w.spans = append(w.spans, w.enter(offset, p)) })
	if err != nil {
		return err
	}
	byOffset := func(a, b span) int { return cmp.Compare(a.offset, b.offset) }
	if !slices.IsSortedFunc(w.spans, byOffset) {
		slices.SortStableFunc(w.spans, byOffset)
	}
	return nil
}

// enter takes a page's rows into the book and notes what it tells of the list.
func (w *walk) enter(offset int, p registry.Page) span {
	if len(w.spans) > 0 && p.Total != w.total {
		w.steady = false
	}
	w.total = p.Total
	w.silent = w.silent || p.Silent
	w.widest = max(w.widest, len(p.Rows))
	return span{offset: offset, rows: w.book.enter(p), total: p.Total}
}

// pages is how many pages the walk has read.
func (w *walk) pages() int { return len(w.spans) + w.extra }

// dropEmpty forgets the pages that were asked for beyond the end.
func (w *walk) dropEmpty() {
	before := len(w.spans)
	w.spans = slices.DeleteFunc(w.spans, func(s span) bool { return len(s.rows) == 0 })
	w.extra += before - len(w.spans)
}

// overlap is how many rows neighbouring pages share. A server that gives one or two rows at a time leaves no room for two.
func (w *walk) overlap() int { return max(0, min(seam, w.widest-1)) }

// reach is the first row not read yet when all pages are laid out by offset, holes aside.
func (w *walk) reach() int {
	end := 0
	for _, s := range w.spans {
		if len(s.rows) > 0 { // an empty page was asked for beyond the end
			end = max(end, s.end())
		}
	}
	return end
}

// holes are the offsets at which rows between two pages, or the rows they should share, are still to be read: the server
// gave fewer rows than it did at first.
func (w *walk) holes() []int {
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

// beyond tells whether a page past the last row was asked for and was empty.
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

// next is what to read now; nothing when the walk is over.
func (w *walk) next() []int {
	reach := w.reach()
	if w.cut = len(w.spans) > sparePages+4*(reach/max(1, w.widest-w.overlap())+1) || reach > maxRows; w.cut {
		return nil
	}
	filled := w.filling
	offsets := w.holes()
	if len(offsets) == 0 {
		offsets = w.mends()
	}
	if w.filling = len(offsets) > 0; w.filling {
		return offsets
	}
	w.ended = w.atEnd(reach) && !w.silent
	if stuck := w.fresh == 0 && len(w.spans) > 1 && !filled; w.ended || stuck {
		return nil
	}
	probe := max(0, reach-w.overlap())
	if w.length() <= int64(reach) || w.beyond(reach) {
		return []int{probe}
	}
	if len(w.spans) == 1 && w.widest < w.pager.Limit() {
		return []int{probe} // either pages are cut short or the total is too large: one page will tell
	}
	lap := w.overlap()
	if w.busy {
		lap = max(lap, w.widest/busyLap)
		w.batch = min(w.batch, busyBatch)
	}
	for at := max(0, reach-lap); int64(at+lap) < w.length() && len(offsets) < w.batch; at += w.widest - lap {
		offsets = append(offsets, at)
	}
	w.batch *= batchGrowth
	return offsets
}

// atEnd tells whether the list ends at reach.
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
		if s.end() == reach && int64(reach) == s.total && len(s.rows) < w.widest {
			return true // the page with the last row was not full and says that it is the last
		}
	}
	return w.repeats() && w.total > 0 && w.total <= int64(len(w.spans[0].rows))
}

// onePage tells whether the first page is the whole list. It is when it is not full and says that there is no more; but a
// server that cuts pages short and gives their length as TotalCount would look the same, so a size that this server was not
// yet seen to exceed is looked behind once.
func (w *walk) onePage(rows int) bool {
	switch {
	case rows >= w.pager.Limit():
		return false
	case w.total == int64(rows):
		return w.habit.mayEndAt(rows)
	case w.total < 0:
		return w.habit.longer(rows)
	}
	return false
}

// repeats tells whether the second page was the first once more and the first was not full: the server ignores Offset, and
// has said that there is no more.
func (w *walk) repeats() bool {
	return len(w.spans) == 2 && len(w.spans[0].rows) < w.pager.Limit() && slices.Equal(w.spans[0].rows, w.spans[1].rows)
}
