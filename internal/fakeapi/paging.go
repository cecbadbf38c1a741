package fakeapi

// Paging is how lists are cut. The zero value cuts them as they are asked for.
type Paging struct {
	Clamp        int  // not 0: silently never more rows than this
	Refuse       int  // not 0: a Limit above this is refused with 230
	IgnoreOffset bool // every page is the first
	RepeatEvery  int  // not 0: each n-th page of a repo answers the rows of the page before it
	ShortEvery   int  // not 0: each n-th page of a repo holds half of the rows it should
	Extra        int  // so many rows more than asked for
}

// pageState is what a repo remembers of the pages it has answered.
type pageState struct {
	pages  int
	offset int // of the last page
}

// window tells which rows a call gets from a list of size rows.
func (p Paging) window(t *pageState, offset, limit, size int) (from, n int, ref *refusal) {
	if p.Refuse > 0 && limit > p.Refuse {
		return 0, 0, &refusal{230, "Params [Limit] not available"}
	}
	if p.Clamp > 0 {
		limit = min(limit, p.Clamp)
	}
	if p.IgnoreOffset {
		offset = 0
	}
	t.pages++
	if p.RepeatEvery > 0 && t.pages%p.RepeatEvery == 0 {
		offset = t.offset
	}
	t.offset = offset
	limit = min(limit, size) // so that a huge Limit cannot overflow
	if p.ShortEvery > 0 && t.pages%p.ShortEvery == 0 {
		limit = (limit + 1) / 2
	}
	return offset, limit + p.Extra, nil
}
