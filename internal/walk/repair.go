package walk

import (
	"context"
	"slices"
)

// A walk over a list that moved is not lost. What moves a list under its reader leaves traces at the seams, and most lists
// move in one way only: new and changed rows stand at the head. So before everything is read again, the broken seams and the
// head are. The walk then counts as whole when
//
//   - each page is linked to the next by two rows that stand side by side in both, so that nothing that stayed where it was
//     can have slipped between them,
//   - the head, read last of all, is linked to the first page, so that what moved to the head was seen there, and
//   - as many rows as the registry counted at the beginning were seen, not counting those that were made since. Whatever order
//     the list is kept in, these are then all the rows there were at the beginning.
//
// The last condition is the proof and needs rows that tell when they were made; without it, simulation shows hundreds of lost
// images in a million reads of a busy list. So the walk must also have met rows whose times move with the clock: one made
// meanwhile or, when the total stayed the same, one at least changed meanwhile.

// repairs bounds how many seams of a walk are read again, as a share of its pages; beyond it another walk is cheaper.
const repairs = 0.5

// At most 1/headShare of the list is read again from its head.
const headShare = 4

// A walk of a long list in which more than a few rows went away before they were seen would meet the same if it was made
// again. It counts for as much as the union of three walks, at a third of their cost. For short lists three walks miss less
// and cost little.
const (
	fewGone  = 2
	longList = 64 // pages
)

// A list that moves while thousands of pages are read moves further than a page, and a seam can then not be found again
// where it was. So in a walk of more than a batch, broken seams are read again at once, and from then on pages overlap by more
// rows and fewer are asked for at a time, so that links hold.
const (
	busyLap   = 8  // this part of a page is shared with the one before it
	busyBatch = 32 // pages asked for at a time
)

// mends are offsets to read again where neighbouring pages no longer overlap.
func (w *walk) mends() []int {
	if len(w.spans) <= firstBatch || float64(w.mended) > repairs*float64(len(w.spans)) {
		return nil
	}
	offsets := slices.DeleteFunc(w.unlinked(), func(at int) bool { return w.tried[at] })
	w.busy = w.busy || len(offsets) > 0
	w.mended += len(offsets)
	return offsets
}

// verdict is what a repaired walk is worth.
type verdict int

const (
	moved  verdict = iota // nothing is known of rows that were not seen
	linked                // nothing was missed that stayed in its place or moved to the head
	whole                 // every row of the list was seen
)

// repair reads the head and the broken seams of a finished walk again.
func (w *walk) repair(ctx context.Context) (verdict, error) {
	if w.state != ended || w.spans[0].total < 0 || w.widest <= 2*seam || len(w.spans) < 2 {
		return moved, nil
	}
	w.dropEmpty()
	broken := w.unlinked()
	if float64(len(broken)) > repairs*float64(len(w.spans)) {
		return moved, nil
	}
	if ok, err := w.rereadHead(ctx); err != nil || !ok {
		return moved, err
	}
	if len(broken) > 0 {
		if refused, err := w.read(ctx, broken); err != nil || refused != nil || len(w.unlinked()) > 0 {
			return moved, err
		}
		if ok, err := w.rereadHead(ctx); err != nil || !ok { // the head has to be the last thing read
			return moved, err
		}
	}
	switch missing := w.spans[0].total - int64(w.book.seen-w.stamps().made); {
	case missing == 0:
		return whole, nil
	case missing > fewGone && len(w.spans) >= longList:
		return linked, nil
	}
	return moved, nil
}

// unlinked are the offsets at which a page would show how two pages follow each other that are not linked.
func (w *walk) unlinked() []int {
	var offsets []int
	for i, s := range w.spans[1:] {
		if before := w.spans[i]; !sideBySide(before.rows, s.rows) {
			offsets = append(offsets, max(0, min(before.end(), s.offset+seam)-w.widest/2))
		}
	}
	return offsets
}

// rereadHead reads the head once more, as far as rows have moved there. It reports whether that is linked to the first reading
// and whether times in the rows that the walk saw move with the clock. What moves to the head meanwhile was in its old place
// when the walk came by and need not be looked for.
func (w *walk) rereadHead(ctx context.Context) (ok bool, err error) {
	var before span
	for offset := 0; offset <= len(w.spans)*w.widest/headShare; offset += w.widest - w.overlap() {
		a, err := w.ask(ctx, offset, w.limit)
		if err != nil || a.Refused != nil {
			return false, err
		}
		head := w.enter(a)
		w.extra++
		if offset > 0 && !sideBySide(before.rows, head.rows) || !w.live() {
			return false, nil
		}
		if sideBySide(head.rows, w.spans[0].rows) {
			return true, nil
		}
		before = head
	}
	return false, nil
}

// live reports whether the times in the rows are of use: they moved with the clock.
func (w *walk) live() bool {
	met := w.stamps()
	return met.made > 0 || met.touched > 0 && w.steady
}

// sideBySide reports whether two rows stand side by side in both pages.
func sideBySide(a, b []int32) bool {
	if n := len(a); n >= seam && len(b) >= seam && slices.Equal(a[n-seam:], b[:seam]) && a[n-1] != nameless && a[n-2] != nameless {
		return true // as pages of a list at rest do
	}
	next := make(map[int32]int32, len(a))
	for i := 1; i < len(a); i++ {
		next[a[i-1]] = a[i]
	}
	for i := 1; i < len(b); i++ {
		if n, ok := next[b[i-1]]; ok && n == b[i] && n != nameless && b[i-1] != nameless {
			return true
		}
	}
	return false
}
