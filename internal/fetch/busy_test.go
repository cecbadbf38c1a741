package fetch

import (
	"math/rand/v2"
	"testing"

	"syncer/internal/registry"
)

func TestBusy(t *testing.T) {
	for _, c := range []churn{{0.3, 0, 0}, {0.3, 0.05, 0}, {0.3, 0.05, 0.02}, {1, 0.1, 0.1}} {
		for _, o := range []order{newestFirst, byName} {
			for _, mixed := range []bool{false, true} {
				rng := rand.New(rand.NewPCG(1, 1))
				s := newSim(rng, o, c, 50000, 100, mixed)
				v, err := read(t.Context(), s, &habits{})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%v %v mixed=%v: %d requests, %d walks, %d pages, complete=%v evidence %v broken %d dups %d lost %d", c, o, mixed, s.requests, v.walks, v.pages, v.evidence == registry.Complete, v.evidence, v.broken, v.duplicates, s.lost(v.began, v.images))
			}
		}
	}
}
