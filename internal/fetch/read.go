package fetch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"syncer/internal/registry"
)

// maxWalks is how often a list that moves is walked before the union of what was seen has to do.
const maxWalks = 3

// survey is what reading a list brought.
type survey struct {
	images     []registry.Image
	rejected   []registry.Rejection
	evidence   registry.Evidence
	walks      int
	pages      int
	broken     int
	duplicates int
	total      int64
	began      time.Time // when the last walk did, by the registry's clock
}

// read walks a list until its reading is proven complete, at most maxWalks times: by a walk that was clean or could be made
// whole, or by two walks in a row that agree. All that any walk saw is kept.
func read(ctx context.Context, p pager, h *habits) (survey, error) {
	b := newBook()
	var s survey
	var last finding
	var known int64
	ends := 0 // walks in a row that saw the end of the list
	for cut := false; !cut && s.walks < maxWalks && s.evidence == registry.Partial; {
		w := newWalk(p, b, h)
		w.known = known
		if err := w.run(ctx); err != nil {
			return survey{}, err
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
				return survey{}, err
			}
		}
		s.walks++
		s.pages += w.pages()
		s.broken += f.broken
		s.duplicates += f.duplicates
		s.total = w.total
		s.began = w.began
		switch {
		case v == whole:
			s.evidence = registry.Complete
		case v == linked, ends == maxWalks:
			s.evidence = registry.Drifting
		}
		cut = w.cut
		last = f
	}
	s.images, s.rejected = b.close()
	slices.SortFunc(s.rejected, func(x, y registry.Rejection) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(x.Reason, y.Reason))
	})
	return s, nil
}
