package walk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"syncer/internal/registry"
)

// Pager reads pages of one list, in any order and several at a time, and hands the answers to take as they come; take is not called
// twice at once. It stops at the first error. After a refusal it may leave out offsets that it has not asked for yet.
type Pager interface {
	Pages(ctx context.Context, offsets []int, limit int, take func(Answer)) error
	Now() time.Time // by the registry's clock as far as it is known
}

// Answer is what came of asking for one page.
type Answer struct {
	Offset int
	Page   registry.Page
	// Refused is why there is no page, when that concerns this list alone. Whatever reaches further is the Pager's error.
	Refused error
	// OutOfRange reports whether the offset or the limit may be what was refused, so that another might be accepted.
	OutOfRange bool
}

// span is a page that was read: where it begins, its rows' numbers in the book, and the total it told.
type span struct {
	offset int
	rows   []int32
	total  int64
}

func (s span) end() int { return s.offset + len(s.rows) }

// state is how far a walk has come.
type state int

const (
	reading state = iota
	ended         // the end of the list was seen
	stuck         // nothing new comes any more, and nothing says that this is the end
	endless       // given up: the list has no end, or gives next to nothing a page
	barred        // given up: the registry does not give the rest
)

// walk is one passage over a list from its first row to its last.
type walk struct {
	pager  Pager
	book   *book
	habits *Habits
	size   int // rows asked for on the first page
	limit  int // rows asked for now

	state  state
	bar    error     // why the walk is barred
	began  time.Time // by the registry's clock
	spans  []span    // by offset
	tried  map[int]bool
	total  int64 // as last heard; -1: nothing usable
	known  int64 // where the walk before found the end; 0: nowhere
	steady bool  // every page gave the same total
	lied   bool  // a page held rows beyond the total it told
	silent bool  // a page said nothing of the list, so an empty list is not proven
	busy   bool  // the list moves so much that pages lose their links
	widest int   // rows of the largest page since limit was lowered, which is what the next is expected to have
	batch  int
	extra  int // pages read but not kept in spans: re-reads and empty pages past the end
	mended int // pages read to mend links
}

func newWalk(p Pager, b *book, h *Habits, limit int) *walk {
	b.turn()
	return &walk{pager: p, book: b, habits: h, limit: limit, began: p.Now(), tried: map[int]bool{}, total: -1, steady: true, batch: firstBatch}
}

// read reads pages and lays them in among the others. It returns the first of those that were refused, by offset.
func (w *walk) read(ctx context.Context, offsets []int) (refused *Answer, err error) {
	err = w.pager.Pages(ctx, offsets, w.limit, func(a Answer) {
		if a.Refused == nil {
			w.add(a)
		} else if refused == nil || a.Offset < refused.Offset {
			refused = &a
		}
	})
	byOffset := func(a, b span) int { return cmp.Compare(a.offset, b.offset) }
	if !slices.IsSortedFunc(w.spans, byOffset) {
		slices.SortStableFunc(w.spans, byOffset)
	}
	return refused, err
}

// ask reads a single page.
func (w *walk) ask(ctx context.Context, offset, limit int) (answer Answer, err error) {
	err = w.pager.Pages(ctx, []int{offset}, limit, func(a Answer) { answer = a })
	return answer, err
}

// add lays a page in at the end of the others.
func (w *walk) add(a Answer) {
	w.tried[a.Offset] = true
	w.spans = append(w.spans, w.enter(a))
}

// enter takes a page's rows into the book and notes what it tells of the list.
func (w *walk) enter(a Answer) span {
	p := a.Page
	if len(w.spans) > 0 && p.Total != w.total {
		w.steady = false
	}
	w.total = p.Total
	w.lied = w.lied || len(p.Rows) > 0 && p.Total >= 0 && p.Total < int64(a.Offset+len(p.Rows))
	w.silent = w.silent || p.Silent
	w.widest = max(w.widest, len(p.Rows))
	return span{offset: a.Offset, rows: w.book.enter(p), total: p.Total}
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

// reach is the first row not read yet when all pages are laid out by offset, gaps aside.
func (w *walk) reach() int {
	end := 0
	for _, s := range w.spans {
		if len(s.rows) > 0 { // an empty page was asked for beyond the end
			end = max(end, s.end())
		}
	}
	return end
}
