package walk

import (
	"errors"

	"syncer/internal/registry"
)

// totals says what a server gives as TotalCount.
type totals int

const (
	totalsTrue totals = iota
	totalsPage        // the rows of the page
	totalsMissing
	totalsZero
	totalsLarger
)

func (k totals) String() string {
	return [...]string{"true-total", "page-total", "no-total", "zero-total", "larger-total"}[k]
}

// of is the TotalCount that a page of so many rows of a list is given with.
func (k totals) of(list, rows int) int64 {
	switch k {
	case totalsPage:
		return int64(rows)
	case totalsMissing:
		return -1
	case totalsZero:
		return 0
	case totalsLarger:
		return int64(2*list + 7)
	default:
		return int64(list)
	}
}

// server is how a simulated server cuts lists. The zero server gives what it is asked for.
type server struct {
	cut    int // not 0: silently never more rows than this
	most   int // not 0: a larger limit is refused
	window int // not 0: a page that reaches beyond it is refused
	behind int // not 0: a page that begins behind it fails, whatever its size
	inside bool
	totals totals
}

var (
	errOutOfRange = errors.New("RetCode 230: Params not available")
	errBroken     = errors.New("RetCode 1000: internal error")
)

// give cuts a page out of a list.
func (v server) give(list []int32, offset, limit int) (rows []int32, refusal Answer) {
	switch {
	case v.most > 0 && limit > v.most, v.window > 0 && offset+limit > v.window, v.inside && offset >= len(list) && offset > 0:
		return nil, Answer{Offset: offset, Refused: errOutOfRange, OutOfRange: true}
	case v.behind != 0 && offset > v.behind:
		return nil, Answer{Offset: offset, Refused: errBroken}
	}
	if v.cut > 0 {
		limit = min(limit, v.cut)
	}
	return list[min(offset, len(list)):min(offset+limit, len(list))], Answer{Offset: offset, Page: registry.Page{}}
}
