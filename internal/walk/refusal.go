package walk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// smallerPages are asked for when a list's first page is refused; the last is the documented default.
var smallerPages = []int{100, 50, 20}

// first reads the first page, with fewer rows where the registry refuses to give as many as it is asked for.
func (w *walk) first(ctx context.Context) error {
	a, err := w.ask(ctx, 0, w.limit)
	if err != nil {
		return err
	}
	if a.Refused == nil {
		w.habits.accepted(w.limit)
	} else if a.OutOfRange {
		if a, err = w.firstOfFewer(ctx, a); err != nil {
			return err
		}
	}
	if a.Refused != nil {
		w.state, w.bar = barred, a.Refused
		return nil //nolint:nilerr // the refusal is what the walk has found
	}
	w.size = w.limit
	w.add(a)
	return nil
}

// firstOfFewer reads the first page in the largest size that the registry takes. The default comes first: where it is refused too, the size
// was not what was refused, and one request has told. The refusal of the size that was asked for is returned then.
func (w *walk) firstOfFewer(ctx context.Context, refusal Answer) (Answer, error) {
	last := smallerPages[len(smallerPages)-1]
	if last >= w.limit {
		return refusal, nil
	}
	page, err := w.ask(ctx, 0, last)
	if err != nil || page.Refused != nil {
		return refusal, err
	}
	size := last
	for _, larger := range smallerPages[:len(smallerPages)-1] {
		if larger >= w.limit {
			continue
		}
		a, err := w.ask(ctx, 0, larger)
		if err != nil {
			return a, err
		}
		if a.Refused == nil {
			page, size = a, larger
			break
		}
	}
	w.habits.refused(w.limit, size)
	w.limit = size
	return page, nil
}

// overcome goes on after a page behind the first was refused, or ends the walk.
//
// Where as many rows as TotalCount says were read, or reading on from the last brought no more, the refusal of what lies behind them is an
// end like an empty page. Else fewer rows are
// asked for: the registry may have lowered its maximum, or gives nothing behind some row, and the rows before that are wanted.
func (w *walk) overcome(ctx context.Context, refusal Answer) error {
	if refusal.OutOfRange && refusal.Offset >= w.reach() && (w.saidNoMore() || w.nothingBehind(w.reach())) {
		w.endAt(refusal.Offset)
		return nil
	}
	for limit := w.limit / 2; refusal.OutOfRange && limit > seam; limit /= 2 {
		a, err := w.ask(ctx, refusal.Offset, limit)
		if err != nil {
			return err
		}
		if a.Refused == nil {
			w.limit, w.widest, w.batch = limit, min(w.widest, limit), firstBatch
			w.tried[a.Offset] = true
			w.lay(w.enter(a))
			return nil
		}
		refusal.OutOfRange = a.OutOfRange
	}
	if refusal.OutOfRange && (w.saidNoMore() || w.oneRow()) {
		w.endAt(refusal.Offset) // the list became shorter meanwhile, or has but one row
		return nil
	}
	w.state = barred
	w.bar = fmt.Errorf("rows from %d on could not be read: %w", w.reach(), refusal.Refused)
	return nil
}

// saidNoMore reports whether there are no more rows than were read by what the registry says now, and were no fewer by what it said first.
func (w *walk) saidNoMore() bool {
	reach := int64(w.reach())
	return w.total >= 0 && w.total <= reach && w.spans[0].total >= reach
}

// oneRow reports whether the only row came on a page that had room for the next, and nothing tells that there is one. Longer lists show by the
// rows that pages share that offsets are taken at all; here none are shared.
func (w *walk) oneRow() bool {
	return w.reach() == 1 && w.size > seam && w.total < 0
}

// endAt lays in an empty page that told nothing.
func (w *walk) endAt(offset int) {
	w.tried[offset] = true
	w.lay(span{offset: offset, total: -1})
}

// lay lays a page in at its place.
func (w *walk) lay(s span) {
	w.spans = append(w.spans, s)
	slices.SortStableFunc(w.spans, func(a, b span) int { return cmp.Compare(a.offset, b.offset) })
}
