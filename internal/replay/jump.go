package replay

import "syncer/internal/pulls"

// pass replays the live looks before number end, which have no reading of their own.
func (f *fold) pass(end int) {
	if f.next >= end {
		return
	}
	switch {
	case !f.has || f.live.Absent:
		f.passAbsent(end)
	default:
		f.passSeen(end)
	}
	f.next = end
}

// passAbsent steps the looks whose evidence matters.
func (f *fold) passAbsent(end int) {
	if f.s.FirstSeen.IsZero() {
		if i := f.looks.lastComplete(f.next, end); i >= 0 {
			f.s.AbsentAt = f.looks.moment(i)
		}
		return
	}
	for i := f.next; f.s.Absence < deletedAt; i++ {
		if i = f.looks.nextWeight(i, end); i == end {
			return
		}
		f.step(f.liveAt(f.looks.moment(i), f.looks.Look(i).Weight))
	}
}

// passSeen steps the first look, which reads what stands once more after what archives say, the one that believes a fall, and
// the last.
func (f *fold) passSeen(end int) {
	tag, created := f.s.Tag, f.s.CreatedRaw
	first := f.liveAt(f.looks.moment(f.next), 0)
	f.step(first)
	if f.out.Row.Kind == 0 && (f.s.Tag != tag || f.s.CreatedRaw != created) {
		f.res.Again = append(f.res.Again, Reading{At: first.At, Counted: first.Counted, Count: first.Count})
	}
	last := f.next
	if f.live.Counted && !f.s.FallenAt.IsZero() {
		if i := f.looks.search(last+1, f.s.FallenAt.Add(pulls.Doubt)); i < end {
			f.skip(last, i)
			f.step(f.liveAt(f.looks.moment(i), 0))
			last = i
		}
	}
	if end-1 > last {
		f.skip(last, end)
	}
}

// skip notes the looks after number last and before number end, which saw the image as it stands.
func (f *fold) skip(last, end int) {
	if end-1 <= last {
		return
	}
	f.s.LastSeen = f.looks.moment(end - 1)
	f.liveSeen = f.s.LastSeen
	if f.live.Counted {
		f.s.LastCounted = f.s.LastSeen
	}
}
