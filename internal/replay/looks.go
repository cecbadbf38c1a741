package replay

import (
	"sort"
	"time"
)

// Look is one live look at a repo.
type Look struct {
	At     time.Time
	Weight int8 // evidence that an image it did not hold is absent
}

// Looks are the live looks of a repo in the order of time, shared by all its images. 16 bytes a look.
type Looks struct {
	From     time.Time // looks before it are unknown; zero: all are known
	at       []int64   // microseconds since 1970
	sum      []int32   // sum of weights up to and with the look
	complete []int32   // number of looks of WeightComplete up to and with the look
}

// Grow makes room for n more looks.
func (l *Looks) Grow(n int) {
	l.at = append(make([]int64, 0, len(l.at)+n), l.at...)
	l.sum = append(make([]int32, 0, len(l.sum)+n), l.sum...)
	l.complete = append(make([]int32, 0, len(l.complete)+n), l.complete...)
}

// Add appends a look, which must be later than those before.
func (l *Looks) Add(look Look) {
	i := len(l.at)
	complete := int32(0)
	if look.Weight == WeightComplete {
		complete = 1
	}
	l.at = append(l.at, look.At.UnixMicro())
	l.sum = append(l.sum, before(l.sum, i)+int32(look.Weight))
	l.complete = append(l.complete, before(l.complete, i)+complete)
}

// Len is the number of looks.
func (l *Looks) Len() int { return len(l.at) }

// Look is the look number i, from 0.
func (l *Looks) Look(i int) Look {
	return Look{At: l.moment(i), Weight: int8(l.sum[i] - before(l.sum, i))}
}

func (l *Looks) moment(i int) time.Time { return time.UnixMicro(l.at[i]).UTC() }

// before is the running sum of all that comes before number i.
func before(sums []int32, i int) int32 {
	if i == 0 {
		return 0
	}
	return sums[i-1]
}

// search is the number of the first look at or after a moment, at least i.
func (l *Looks) search(i int, at time.Time) int {
	micros := at.UnixMicro()
	return i + sort.Search(len(l.at)-i, func(k int) bool { return l.at[i+k] >= micros })
}

// isAt reports whether look number i is at the moment.
func (l *Looks) isAt(i int, at time.Time) bool {
	return i < len(l.at) && l.at[i] == at.UnixMicro()
}

// nextWeight is the number of the first look in [i, end) that proves anything; end when there is none.
func (l *Looks) nextWeight(i, end int) int {
	sum := before(l.sum, i)
	return i + sort.Search(end-i, func(k int) bool { return l.sum[i+k] > sum })
}

// lastComplete is the number of the last look in [i, end) of WeightComplete; -1 when there is none.
func (l *Looks) lastComplete(i, end int) int {
	if end <= i || l.complete[end-1] == before(l.complete, i) {
		return -1
	}
	want := l.complete[end-1]
	return sort.Search(end, func(k int) bool { return l.complete[k] >= want })
}
