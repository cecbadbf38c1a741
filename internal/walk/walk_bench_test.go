package walk

import (
	"testing"

	"syncer/internal/registry"
)

// BenchmarkWalk is what a walk of 100,000 images costs beside its requests.
func BenchmarkWalk(b *testing.B) {
	list := make([]registry.Row, 100_000)
	for i := range list {
		list[i] = registry.Row{Key: labels[i%len(labels)] + labels[i/len(labels)]}
		list[i].Image = registry.Image{Name: list[i].Key, Counted: true, LatestTag: labels[i%100], Created: registry.Timestamp{Raw: labels[i%len(labels)], At: simEpoch.Add(-1)}}
	}
	for b.Loop() {
		v, err := Read(b.Context(), fixed{list, 100}, NewHabits(100))
		if err != nil || v.Evidence != registry.Complete || len(v.Images) != len(list) {
			b.Fatalf("%d images, evidence %v: %v", len(v.Images), v.Evidence, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/image")
	b.ReportMetric(0, "ns/op")
}
