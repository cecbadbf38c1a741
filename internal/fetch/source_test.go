package fetch

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
)

// truth is what the world holds, in the form names gives.
func truth(world *fakeapi.World, repo string) map[string]int64 {
	all := map[string]int64{}
	for _, image := range world.Images(repo) {
		all[image.Name] = image.Pulls
	}
	return all
}

func counts(images []registry.Image) map[string]int64 {
	all := map[string]int64{}
	for _, image := range images {
		all[image.Name] = image.PullCount
	}
	return all
}

func TestReadSizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 3, 19, 20, 97, 98, 99, 100, 101, 197, 198, 199, 257, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.AddRepo(fakeapi.Repo{Name: "web"})
			world.Fill("web", n)
			srv := serve(t, world)
			s := source(t, srv)
			for range 2 {
				snap, err := s.Read(t.Context(), repo("web"))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(truth(world, "web"), counts(snap.Images)); diff != "" {
					t.Errorf("images (-want +got):\n%s", diff)
				}
				if snap.Evidence != registry.Complete || snap.Walks != 1 || snap.Seams != 0 || snap.Duplicates != 0 || snap.TotalCount != int64(n) {
					t.Errorf("snapshot of a list at rest: %v, %d walks, %d seams, %d duplicates, total %d",
						snap.Evidence, snap.Walks, snap.Seams, snap.Duplicates, snap.TotalCount)
				}
			}
			t.Logf("%d images: %d requests for two reads", n, s.Traffic().Requests)
		})
	}
}
