package fakeapi

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// Drift changes a repo between requests. Weights say how often each change is chosen; all zero: each alike.
type Drift struct {
	Seed    uint64
	Repo    string // empty: the repo that is asked for
	Every   int    // changes before each n-th GetRepoImage; 0 is 1
	Changes int    // so many changes at once; 0 is 1

	Push    int // a new tag for an image
	Insert  int // a new image, of a name never used before
	Delete  int // an image goes
	Reorder int // two images change places
	Pull    int // an image is pulled
}

// Hook makes the drift ready for [Before].
func (d Drift) Hook(w *World) func(Request) {
	if d.Push+d.Insert+d.Delete+d.Reorder+d.Pull == 0 {
		d.Push, d.Insert, d.Delete, d.Reorder, d.Pull = 1, 1, 1, 1, 1
	}
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(d.Seed, 0))
	asked, made := 0, 0
	return func(q Request) {
		if q.Action != "GetRepoImage" || d.Repo != "" && q.Repo != d.Repo {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked%max(1, d.Every) != 0 {
			return
		}
		for range max(1, d.Changes) {
			made++
			d.change(w, q.Repo, rng, made)
		}
	}
}

func (d Drift) change(w *World, repo string, rng *rand.Rand, nth int) {
	pick := func() string {
		img, _ := w.nth(repo, rng.IntN(max(1, w.size(repo))))
		return img.Name // of an empty repo nothing, which no change finds
	}
	at := rng.IntN(d.Push + d.Insert + d.Delete + d.Reorder + d.Pull)
	switch {
	case at < d.Push:
		w.Push(repo, pick(), fmt.Sprintf("v%d", nth))
	case at < d.Push+d.Insert:
		// Random letters first, so that a list in order of names is disturbed in every place.
		name := fmt.Sprintf("%c%c-drift-%06d", 'a'+rng.IntN(26), 'a'+rng.IntN(26), nth)
		w.PutImages(repo, Image{Name: name, Pulls: rng.Int64N(1000), Tag: "v1"})
	case at < d.Push+d.Insert+d.Delete:
		w.RemoveImage(repo, pick())
	case at < d.Push+d.Insert+d.Delete+d.Reorder:
		w.Swap(repo, pick(), pick())
	default:
		w.Pull(repo, pick(), 1+rng.Int64N(100))
	}
}
