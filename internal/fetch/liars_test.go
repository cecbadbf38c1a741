package fetch

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
)

// TestLiars reads a list at rest from servers that do not keep to what they say. Nothing may be lost without a word: what is
// missing from a snapshot must not be called complete. No server may be asked without end.
func TestLiars(t *testing.T) {
	t.Parallel()
	pagings := map[string]struct {
		paging fakeapi.Paging
		lossy  bool // the server keeps rows back whatever is asked
	}{
		"as asked":        {},
		"clamped to 50":   {paging: fakeapi.Paging{Clamp: 50}},
		"clamped to 3":    {paging: fakeapi.Paging{Clamp: 3}},
		"clamped to 2":    {paging: fakeapi.Paging{Clamp: 2}},
		"clamped to 1":    {paging: fakeapi.Paging{Clamp: 1}},
		"limit refused":   {paging: fakeapi.Paging{Refuse: 60}},
		"offset ignored":  {paging: fakeapi.Paging{IgnoreOffset: true}, lossy: true},
		"pages repeated":  {paging: fakeapi.Paging{RepeatEvery: 3}, lossy: true},
		"short pages":     {paging: fakeapi.Paging{ShortEvery: 3}},
		"more than asked": {paging: fakeapi.Paging{Extra: 7}},
	}
	totals := map[string]fakeapi.Totals{
		"true": fakeapi.TotalInt, "text": fakeapi.TotalString, "null": fakeapi.TotalNull, "missing": fakeapi.TotalMissing, "zero": fakeapi.TotalZero,
		"half": fakeapi.TotalSmall, "big": fakeapi.TotalBig, "of the page": fakeapi.TotalPage, "changing": fakeapi.TotalChanging,
	}
	for pagingName, p := range pagings {
		for totalName, total := range totals {
			for _, n := range []int{0, 2, 9, 50, 100, 257} {
				t.Run(fmt.Sprintf("%s/total %s/%d", pagingName, totalName, n), func(t *testing.T) {
					t.Parallel()
					world := fakeapi.NewWorld()
					world.AddRepo(fakeapi.Repo{Name: "web"})
					world.Fill("web", n)
					s := directly(t, world, fakeapi.WithPaging(p.paging), fakeapi.WithWire(fakeapi.Wire{Totals: total, Empty: fakeapi.EmptyObject}))
					snap, err := s.Read(t.Context(), repo("web"))
					if err != nil {
						t.Fatal(err)
					}
					diff := cmp.Diff(truth(world, "web"), counts(snap.Images))
					if diff != "" && (!p.lossy || snap.Evidence != registry.Partial) {
						t.Errorf("evidence %v, images (-want +got):\n%s", snap.Evidence, diff)
					}
					withheld := n == 0 && totalName == "big" // nothing of what is said to be there comes
					if !p.lossy && !withheld && snap.Evidence != registry.Complete && totalName != "changing" {
						t.Errorf("evidence %v of a list at rest that was read in full", snap.Evidence)
					}
					if withheld && snap.Evidence != registry.Partial {
						t.Errorf("evidence %v of an empty answer that says there are rows", snap.Evidence)
					}
					size := 98
					if p.lossy {
						size = 30
					}
					if c := p.paging.Clamp; c > 0 {
						size = max(1, c-2)
					}
					if got, limit := s.Traffic().Requests, int64(40+6*n/size); got > limit {
						t.Errorf("%d requests, expected at most %d", got, limit)
					}
				})
			}
		}
	}
}

// An answer with neither a list nor a TotalCount may have lost either: it does not prove that a repo is empty. A list whose
// other pages have rows is not in doubt, as its last page ends with rows of its own.
func TestSilentAnswers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]registry.Evidence{0: registry.Partial, 5: registry.Complete, 100: registry.Complete} {
		world := fakeapi.NewWorld()
		world.AddRepo(fakeapi.Repo{Name: "web"})
		world.Fill("web", n)
		s := directly(t, world, fakeapi.WithWire(fakeapi.Wire{Totals: fakeapi.TotalMissing, Empty: fakeapi.EmptyMissing}))
		snap, err := s.Read(t.Context(), repo("web"))
		if err != nil {
			t.Fatal(err)
		}
		if snap.Evidence != want || len(snap.Images) != n {
			t.Errorf("%d images: evidence %v, %d read", n, snap.Evidence, len(snap.Images))
		}
	}
}
