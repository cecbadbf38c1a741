package walk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"syncer/internal/registry"
)

// maxWalks is how often a list that moves is walked before the union of what was seen has to do.
const maxWalks = 3

// Result is what reading a list brought.
type Result struct {
	Images        []registry.Image
	Rejected      []registry.Rejection // at most registry.MaxRejections, each kind once
	RejectedTotal int
	Nameless      int // rows without a name that can be used: what was read of them is not kept
	Evidence      registry.Evidence
	Unread        error // why the rest of the list could not be read; nil: nothing kept it back
	Walks         int
	Pages         int
	Broken        int // seams between pages that did not match
	Duplicates    int
	Total         int64
	Limit         int       // rows a page that the list's first page was given in
	Began         time.Time // when the last walk did, by the registry's clock
}

// reader reads one list: walk after walk until one of them, or two in a row, prove that everything was seen.
type reader struct {
	pager  Pager
	habits *Habits
	book   *book
	last   finding // of the walk before
	known  int64   // where the walk before saw the end; 0: nowhere
	ends   int     // walks in a row that saw the end
	result Result
}

// Read walks a list until its reading is proven complete, at most maxWalks times: by a walk that was clean or could be made
// whole, or by two walks in a row that agree. All that any walk saw is kept. An error means that nothing could be read.
func Read(ctx context.Context, p Pager, h *Habits) (Result, error) {
	r := reader{pager: p, habits: h, book: newBook(), result: Result{Limit: h.size()}}
	for again := true; again; {
		w := newWalk(p, r.book, h, r.result.Limit)
		w.known = r.known
		if err := w.run(ctx); err != nil {
			return Result{}, err
		}
		if len(w.spans) == 0 { // not even the first page was given
			if r.result.Walks == 0 {
				return Result{}, w.bar
			}
			r.result.Unread = fmt.Errorf("the list moved and could not be read again: %w", w.bar)
			break
		}
		if err := r.judge(ctx, w); err != nil {
			return Result{}, err
		}
		again = r.result.Evidence == registry.Partial && r.result.Walks < maxWalks && w.state != endless && w.state != barred
	}
	var unusable int
	r.result.Images, r.result.Rejected, unusable = r.book.close()
	r.result.RejectedTotal = max(r.result.RejectedTotal, len(r.result.Rejected))
	if r.book.nameless {
		r.result.Nameless = max(1, r.result.Nameless)
	}
	r.result.Nameless += unusable
	slices.SortFunc(r.result.Rejected, func(x, y registry.Rejection) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(x.Reason, y.Reason))
	})
	return r.result, nil
}

// judge adds a walk to the result and says what all walks together prove.
func (r *reader) judge(ctx context.Context, w *walk) error {
	f := w.check()
	r.known = 0
	if w.state == ended {
		r.ends++
		r.known = int64(w.reach())
	} else {
		r.ends = 0
	}
	// In a list at rest no page contradicts another; those of a server that repeats pages do, in the same places walk after walk.
	atRest := slices.Equal(f.list, r.last.list) && (f.torn == 0 || w.repeats())
	agreed := r.ends >= 2 && r.book.sameAsBefore() && (atRest || f.counted)
	v := whole
	if !f.clean && !agreed {
		var err error
		if v, err = w.repair(ctx); err != nil {
			return err
		}
	}
	s := &r.result
	switch {
	case v == whole:
		s.Evidence = registry.Complete
	case v == linked, r.ends == maxWalks && int64(len(r.book.images)+f.blank) >= w.total: // else rows are known to be missing
		s.Evidence = registry.Drifting
	}
	s.Walks++
	s.Pages += w.pages()
	s.Broken += f.broken
	s.Duplicates += f.duplicates
	s.Nameless = max(s.Nameless, f.blank)
	s.RejectedTotal = max(s.RejectedTotal, r.book.complaints+f.blank)
	s.Total, s.Began, s.Unread, s.Limit = w.total, w.began, w.bar, w.size
	r.last = f
	return nil
}
