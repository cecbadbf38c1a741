package fakeapi

import (
	"slices"
	"time"
)

// Image is one row of GetRepoImage.
type Image struct {
	Name    string
	Pulls   int64
	Tag     string // last pushed
	Created time.Time
	Updated time.Time
	Row     string // not empty: the row's JSON verbatim (null, a string, half a row ...); such a row is none of the truth's images
}

// bulk is how many new images are cheaper to sort than to insert one by one.
const bulk = 64

// PutImages adds images to a repo, which is itself added if it is missing. One whose name is there is replaced in its
// place. Times that are zero become the world's.
func (w *World) PutImages(repo string, images ...Image) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.repos[repo]
	if !ok {
		s = w.addRepo(Repo{Name: repo})
	}
	many := len(images) >= bulk
	for _, img := range images {
		w.seq++
		r, known := s.byName[img.Name]
		if known && !many {
			s.remove(r)
		}
		if !known {
			r = &row{seq: w.seq}
		}
		r.Image, r.touched = w.withTimes(img), w.seq
		switch {
		case !many:
			s.insert(r)
		case !known:
			s.rows = append(s.rows, r)
			s.byName[r.Name] = r
		}
	}
	if many {
		s.sort()
	}
}

func (w *World) withTimes(img Image) Image {
	if img.Created.IsZero() {
		img.Created = w.now
	}
	if img.Updated.IsZero() {
		img.Updated = img.Created
	}
	return img
}

// RemoveImage removes an image and reports whether it was there.
func (w *World) RemoveImage(repo, image string) bool {
	return w.alter(repo, image, func(s *imageList, r *row) { s.remove(r) })
}

// Pull adds n to an image's count and reports whether the image was there.
func (w *World) Pull(repo, image string, n int64) bool {
	return w.alter(repo, image, func(_ *imageList, r *row) { r.Pulls += n })
}

// SetCount sets an image's count and reports whether the image was there.
func (w *World) SetCount(repo, image string, pulls int64) bool {
	return w.alter(repo, image, func(_ *imageList, r *row) { r.Pulls = pulls })
}

// Push gives an image a new latest tag at the world's time, which moves it to the head of a repo in order Updated, and
// reports whether the image was there.
func (w *World) Push(repo, image, tag string) bool {
	return w.alter(repo, image, func(s *imageList, r *row) {
		s.remove(r)
		w.seq++
		r.Tag, r.Updated, r.touched = tag, w.now, w.seq
		s.insert(r)
	})
}

// Swap lets two images change places, in every order but ByName, and reports whether both were there.
func (w *World) Swap(repo, image, other string) bool {
	found := false
	w.alter(repo, image, func(s *imageList, a *row) {
		b := s.byName[other]
		if found = b != nil; !found || a == b {
			return
		}
		s.remove(a)
		s.remove(b)
		a.seq, b.seq = b.seq, a.seq
		a.touched, b.touched = b.touched, a.touched
		a.Updated, b.Updated = b.Updated, a.Updated
		s.insert(a)
		s.insert(b)
	})
	return found
}

func (w *World) alter(repo, image string, change func(*imageList, *row)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.repos[repo]
	if !ok {
		return false
	}
	r, ok := s.byName[image]
	if ok {
		change(s, r)
	}
	return ok
}

// Images is the truth: a repo's images in the order in which it lists them. Rows with a verbatim Row are left out.
func (w *World) Images(repo string) []Image {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.repos[repo]
	if !ok {
		return nil
	}
	return slices.DeleteFunc(s.page(0, len(s.rows)), func(i Image) bool { return i.Row != "" })
}

// Image is one image of the truth.
func (w *World) Image(repo, image string) (Image, bool) {
	var img Image
	ok := w.alter(repo, image, func(_ *imageList, r *row) { img = r.Image })
	return img, ok
}

// nth is the image at a place of the list, for choosing one at random; false when the place is past the end.
func (w *World) nth(repo string, i int) (Image, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.repos[repo]
	if !ok || i >= len(s.rows) {
		return Image{}, false
	}
	return s.page(i, 1)[0], true
}

func (w *World) size(repo string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.repos[repo]; ok {
		return len(s.rows)
	}
	return 0
}
