package walk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"syncer/internal/registry"
)

// maxWalks is how often a list that moves is walked before the union of what was seen has to do.
const maxWalks = 3

// Result is what reading a list brought.
type Result struct {
	Images     []registry.Image
	Rejected   []registry.Rejection
	Evidence   registry.Evidence
	Walks      int
	Pages      int
	Broken     int // seams between pages that did not match
	Duplicates int
	Total      int64
	Began      time.Time // when the last walk did, by the registry's clock
}

// Read walks a list until its reading is proven complete, at most maxWalks times: by a walk that was clean or could be made
// whole, or by two walks in a row that agree. All that any walk saw is kept.
func Read(ctx context.Context, p Pager, h *Habits) (Result, error) {
	b := newBook()
	var s Result
	var last finding
	var known int64
	ends := 0 // walks in a row that saw the end of the list
	for cut := false; !cut && s.Walks < maxWalks && s.Evidence == registry.Partial; {
		w := newWalk(p, b, h)
		w.known = known
		if err := w.run(ctx); err != nil {
			return Result{}, err
		}
		f := w.check()
		if ends++; !w.ended {
			ends = 0
		}
		if known = 0; w.ended {
			known = int64(w.reach())
		}
		v := whole
		if agreed := ends >= 2 && b.sameAsBefore() && (slices.Equal(f.list, last.list) || f.counted); !f.clean && !agreed {
			var err error
			if v, err = w.repair(ctx); err != nil {
				return Result{}, err
			}
		}
		s.Walks++
		s.Pages += w.pages()
		s.Broken += f.broken
		s.Duplicates += f.duplicates
		s.Total = w.total
		s.Began = w.began
		switch {
		case v == whole:
			s.Evidence = registry.Complete
		case v == linked, ends == maxWalks:
			s.Evidence = registry.Drifting
		}
		cut = w.cut
		last = f
	}
	s.Images, s.Rejected = b.close()
	slices.SortFunc(s.Rejected, func(x, y registry.Rejection) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(x.Reason, y.Reason))
	})
	return s, nil
}
