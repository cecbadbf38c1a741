package fakeapi

import (
	"cmp"
	"slices"
	"strings"
)

// Order is how a repo lists its images. The real one is undocumented.
type Order int

// The orders. Newest and Updated list the latest first.
const (
	Newest    Order = iota // last put first: a new image moves every other one down by a place
	ByName                 // bytewise
	Insertion              // first put first: a new image stands at the end
	Updated                // last pushed first: a push moves the image to the head
)

// row is an image with its places in the orders that time makes.
type row struct {
	Image
	seq     uint64 // place by when it was put
	touched uint64 // place by when it was pushed last, among equal Updated
}

// imageList is a repo with its images, always in order, so that a page is a slice. Orders that list the latest first are kept
// the other way round and read from the end, so that putting one image into a hundred thousand is an append.
type imageList struct {
	repo   *Repo
	rows   []*row
	byName map[string]*row
	pages  pageState
}

func (s *imageList) compare(a, b *row) int {
	switch s.repo.Order {
	case ByName:
		return strings.Compare(a.Name, b.Name)
	case Updated:
		return cmp.Or(a.Updated.Compare(b.Updated), cmp.Compare(a.touched, b.touched))
	default:
		return cmp.Compare(a.seq, b.seq)
	}
}

func (s *imageList) latestFirst() bool { return s.repo.Order == Newest || s.repo.Order == Updated }

func (s *imageList) sort() { slices.SortFunc(s.rows, s.compare) }

func (s *imageList) insert(r *row) {
	i, _ := slices.BinarySearchFunc(s.rows, r, s.compare)
	s.rows = slices.Insert(s.rows, i, r)
	s.byName[r.Name] = r
}

func (s *imageList) remove(r *row) {
	i, _ := slices.BinarySearchFunc(s.rows, r, s.compare)
	s.rows = slices.Delete(s.rows, i, i+1)
	delete(s.byName, r.Name)
}

// page copies n images from offset on, in the order in which the repo lists them; fewer at the end.
func (s *imageList) page(offset, n int) []Image {
	n = max(0, min(n, len(s.rows)-offset))
	images := make([]Image, n)
	for i := range images {
		at := offset + i
		if s.latestFirst() {
			at = len(s.rows) - 1 - at
		}
		images[i] = s.rows[at].Image
	}
	return images
}
