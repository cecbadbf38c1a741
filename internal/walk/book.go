package walk

import (
	"slices"
	"strings"

	"syncer/internal/registry"
)

// nameless is the number of a row that has no key. Such rows take a place in the list and are no image.
const nameless int32 = -1

// book is the union of what the walks of one repo saw: every row once, under a number. It is made for a million rows: one
// copy of each name, tags shared, and nothing that keeps an answer's body alive.
type book struct {
	numbers  map[string]int32 // key to number
	images   []registry.Image // by number; Name is empty for rows that cannot be used
	walks    []uint8          // by number: the last walk that saw the row
	walk     uint8            // the walk that is under way, from 1
	tags     map[string]string
	text     packer
	rejected map[registry.Rejection]struct{}

	seen  int // rows this walk saw, each once
	again int // of these, rows the walk before saw too
	last  int // rows the walk before saw

	complaints int  // rejections of the rows this walk saw, without those of nameless rows
	nameless   bool // a nameless row was met
}

func newBook() *book {
	return &book{numbers: map[string]int32{}, tags: map[string]string{}, rejected: map[registry.Rejection]struct{}{}}
}

// turn begins the next walk.
func (b *book) turn() {
	b.walk++
	b.last, b.seen, b.again, b.complaints = b.seen, 0, 0, 0
}

// sameAsBefore reports whether this walk saw exactly the rows that the walk before it saw.
func (b *book) sameAsBefore() bool {
	return b.walk > 1 && b.seen == b.last && b.again == b.seen
}

// enter writes a page's rows into the book, later readings over earlier ones, and returns their numbers in the page's order.
func (b *book) enter(p registry.Page) []int32 {
	for _, r := range p.Rejected {
		if len(b.rejected) < registry.MaxRejections {
			b.rejected[r] = struct{}{}
		}
	}
	b.makeRoom(len(p.Rows), p.Total)
	numbers := make([]int32, len(p.Rows))
	for i := range p.Rows {
		numbers[i] = b.enterRow(&p.Rows[i])
	}
	return numbers
}

// makeRoom prepares for more rows. A full list goes to four times its size, but not beyond what the registry says is to come:
// growing by quarters leaves twice a big repo behind as garbage, and believing the registry at once would let it lie the
// memory full.
func (b *book) makeRoom(rows int, total int64) {
	need := len(b.images) + rows
	if need <= cap(b.images) {
		return
	}
	size := 4 * need
	if total >= int64(need) && total < int64(size) {
		size = int(total) + rows // the last page may hold more than was said
	}
	b.images = slices.Grow(b.images, size-len(b.images))
	b.walks = slices.Grow(b.walks, size-len(b.walks))
}

func (b *book) enterRow(r *registry.Row) int32 {
	if r.Key == "" {
		b.nameless = true
		return nameless
	}
	n, known := b.numbers[r.Key]
	if !known {
		n = int32(len(b.images)) // maxRows is far below
		key := b.text.pack(r.Key)
		b.numbers[key] = n
		b.images = append(b.images, registry.Image{})
		if r.Image.Name != "" {
			b.images[n].Name = key
		}
		b.walks = append(b.walks, 0)
	}
	if b.walks[n] != b.walk {
		b.seen++
		b.complaints += int(r.Rejections)
		if b.walks[n] == b.walk-1 && b.walk > 1 {
			b.again++
		}
		b.walks[n] = b.walk
	}
	b.update(&b.images[n], &r.Image)
	return n
}

// update takes the later reading over. Texts that did not change keep their old copy, so that a second walk costs no memory;
// a reading without a count does not wipe out one with a count.
func (b *book) update(old, latest *registry.Image) {
	if latest.Counted {
		old.PullCount, old.Counted = latest.PullCount, true
	}
	if old.LatestTag != latest.LatestTag {
		tag, ok := b.tags[latest.LatestTag]
		if !ok {
			tag = b.text.pack(latest.LatestTag)
			b.tags[tag] = tag
		}
		old.LatestTag = tag
	}
	b.stamp(&old.Created, latest.Created, "")
	b.stamp(&old.Updated, latest.Updated, old.Created.Raw)
}

// stamp takes a time over; twin is a text that is likely to be the same.
func (b *book) stamp(old *registry.Timestamp, latest registry.Timestamp, twin string) {
	old.At = latest.At
	switch latest.Raw {
	case old.Raw:
	case twin:
		old.Raw = twin
	default:
		old.Raw = b.text.pack(latest.Raw)
	}
}

// close hands the images and the complaints over, and tells how many rows have a name that cannot be used; the book is of no use afterwards.
func (b *book) close() (images []registry.Image, rejections []registry.Rejection, unusable int) {
	b.numbers, b.tags, b.walks = nil, nil, nil
	usable := b.images[:0]
	for _, image := range b.images {
		if image.Name != "" {
			usable = append(usable, image)
		}
	}
	rejected := make([]registry.Rejection, 0, len(b.rejected))
	for r := range b.rejected {
		rejected = append(rejected, r)
	}
	return usable, rejected, len(b.images) - len(usable)
}

// Sizes of a packer's blocks in bytes: small for the many small repos, growing for the large ones.
const (
	firstBlock = 1 << 10
	lastBlock  = 1 << 16
)

// packer lays texts side by side in few blocks: a text of its own for every name and time would cost half as much again in
// rounding, and a slice of an answer's body would keep the body.
type packer struct {
	block strings.Builder
	size  int
}

func (p *packer) pack(s string) string {
	if p.block.Cap()-p.block.Len() < len(s) {
		p.size = min(max(firstBlock, p.size*2), lastBlock)
		p.block.Reset()
		p.block.Grow(max(p.size, len(s)))
	}
	from := p.block.Len()
	p.block.WriteString(s)
	return p.block.String()[from:]
}
