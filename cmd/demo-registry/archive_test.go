package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/demo"
)

// TestPast holds the archive to what the registry has at its end: nobody was pulled less than was seen before, but for the
// images that were made anew, and the outage left a hole.
func TestPast(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	sim := demo.NewSimulation(demo.SimulationConfig{Seed: 1, Start: start, Days: days, Step: step})
	history := past(sim)

	looks := map[time.Time]bool{}
	last := map[string]int64{}
	for _, o := range history {
		looks[o.ObservedAt] = true
		last[o.Repo+"/"+o.Image] = o.PullCount
	}
	all := days * int(24*time.Hour/step)
	if len(looks) >= all || len(looks) < all*9/10 {
		t.Errorf("%d looks of %d, want a few fewer: an outage", len(looks), all)
	}
	end := start.Add(days * 24 * time.Hour)
	if looks[end] || !looks[start] {
		t.Errorf("looked at the start %v and at the end %v, want only the start", looks[start], looks[end])
	}
	fell := map[string]bool{}
	for _, repo := range sim.World().Repos() {
		for _, img := range sim.World().Images(repo.Name) {
			if name := repo.Name + "/" + img.Name; img.Pulls < last[name] {
				fell[name] = true
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{}, fell); diff != "" {
		t.Errorf("counts that fell after the last look (-want +got):\n%s", diff)
	}
}

func TestSaveLeavesOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.ndjson")
	if err := save(path, []observation{{Repo: "web", Image: "shop", PullCount: 7}}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{path}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
