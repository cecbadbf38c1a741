//go:build unix && !aix && !solaris

package localpg

import "testing"

// BenchmarkStart is the time from nothing to a server with its database, and back.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := Start(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Stop(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
