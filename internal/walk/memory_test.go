package walk

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"syncer/internal/registry"
)

// TestMemory reads a million images and weighs them. An image of this list has 76 bytes of text of its own.
func TestMemory(t *testing.T) { //nolint:paralleltest // weighs the heap, which others would add to
	if testing.Short() {
		t.Skip("weighs 200 MB")
	}
	const n = 1_000_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v, err := Read(t.Context(), ondemand{n: n}, NewHabits(1000))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(v.Images) != n || v.Evidence != registry.Complete {
		t.Fatalf("%d images, evidence %v", len(v.Images), v.Evidence)
	}
	if live := (after.HeapAlloc - before.HeapAlloc) >> 20; live > 220 {
		t.Errorf("a snapshot of a million images weighs %d MB", live)
	} else {
		t.Logf("%d MB", live)
	}
	runtime.KeepAlive(v)
}

// ondemand makes its rows while they are read.
type ondemand struct{ n int }

func (e ondemand) Now() time.Time { return simEpoch }
func (e ondemand) Pages(_ context.Context, offsets []int, _ int, take func(Answer)) error {
	for _, offset := range offsets {
		p := registry.Page{Total: int64(e.n)}
		for i := offset; i < min(e.n, offset+1000); i++ {
			name := fmt.Sprintf("some-team/some-service-%08d", i)
			at := registry.Timestamp{Raw: fmt.Sprintf("2019-10-11 08:%07d", i), At: simEpoch.Add(-time.Hour)}
			p.Rows = append(p.Rows, registry.Row{Key: name, Image: registry.Image{Name: name, Counted: true, LatestTag: fmt.Sprintf("v%d", i%500), Created: at, Updated: at}})
			p.Rows[len(p.Rows)-1].Image.Updated.Raw += "+"
		}
		take(Answer{Offset: offset, Page: p})
	}
	return nil
}
