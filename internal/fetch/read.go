package fetch

import (
	"cmp"
	"context"
	"slices"

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
}

// read walks a list until one walk was clean or two in a row saw the same rows, at most maxWalks times. All that any walk saw is kept.
func read(ctx context.Context, p pager, h *habits) (survey, error) {
	b := newBook()
	var s survey
	endings := 0
	for s.walks < maxWalks && s.evidence != registry.Complete {
		w := newWalk(p, b, h)
		if err := w.run(ctx); err != nil {
			return survey{}, err
		}
		f := w.check()
		s.walks++
		s.pages += len(w.spans)
		s.broken += f.broken
		s.duplicates += f.duplicates
		s.total = w.total
		if w.ended {
			endings++
		} else {
			endings = 0
		}
		switch {
		case f.clean, endings >= 2 && b.sameAsBefore():
			s.evidence = registry.Complete
		case endings == maxWalks:
			s.evidence = registry.Drifting
		}
	}
	s.images, s.rejected = b.close()
	slices.SortFunc(s.rejected, func(x, y registry.Rejection) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(x.Reason, y.Reason))
	})
	return s, nil
}
