package fetch

import (
	"testing"

	"syncer/internal/registry"
)

// BenchmarkWalk is what a walk of 100,000 images costs beside its requests.
func BenchmarkWalk(b *testing.B) {
	list := make([]row, 100_000)
	for i := range list {
		list[i] = row{key: labels[i%len(labels)] + labels[i/len(labels)]}
		list[i].image = registry.Image{Name: list[i].key, Counted: true, LatestTag: labels[i%100], Created: registry.Timestamp{Raw: labels[i%len(labels)], At: simEpoch.Add(-1)}}
	}
	for b.Loop() {
		v, err := read(b.Context(), fixed{list, 100}, &habits{})
		if err != nil || v.evidence != registry.Complete || len(v.images) != len(list) {
			b.Fatalf("%d images, evidence %v: %v", len(v.images), v.evidence, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/image")
	b.ReportMetric(0, "ns/op")
}
