package replay_test

import (
	"testing"
	"time"

	"syncer/internal/registry"
	"syncer/internal/replay"
)

func BenchmarkStepUnchanged(b *testing.B) {
	var s replay.State
	var out replay.Outcome
	created := registry.Timestamp{Raw: "2019-10-11 08:13:20", At: time.Date(2019, 10, 11, 8, 13, 20, 0, time.UTC)}
	o := replay.Observation{At: start, Counted: true, Count: 7, Tag: replay.Known("v1"), Created: created, Updated: created}
	replay.Step(&s, &o, &out)
	b.ReportAllocs()
	for b.Loop() {
		o.At = o.At.Add(time.Second)
		if replay.Step(&s, &o, &out) {
			b.Fatalf("changed: %+v", out)
		}
	}
}

func BenchmarkImage(b *testing.B) {
	looks := &replay.Looks{}
	for i := range 100_000 {
		looks.Add(replay.Look{At: start.Add(time.Duration(i) * time.Hour), Weight: 2})
	}
	for name, n := range map[string]int{"3 readings": 3, "5000 readings": 5000} {
		b.Run(name, func(b *testing.B) {
			stored := &replay.Stored{}
			for i := range n {
				stored.Readings = append(stored.Readings, live(start.Add(time.Duration(i)*(100_000/time.Duration(n))*time.Hour), int64(i), "v1"))
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := replay.Image(looks, time.UTC, stored); len(got.Rows) != n {
					b.Fatal(len(got.Rows))
				}
			}
		})
	}
}

// An image that says nothing new costs nothing: there are a million of them an hour.
func TestUnchangedAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts the whole process
	var s replay.State
	var out replay.Outcome
	o := replay.Observation{At: start, Counted: true, Count: 7, Tag: replay.Known("v1")}
	replay.Step(&s, &o, &out)
	if n := testing.AllocsPerRun(100, func() {
		o.At = o.At.Add(time.Second)
		replay.Step(&s, &o, &out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
