package walk

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncer/internal/registry"
)

// TestWalkLosesNothing lets anything happen between requests. Whatever a read calls complete holds every image that was there
// from the beginning of its last walk to its end: in lists that keep an order however little their rows tell, and in lists that keep none when rows tell when
// they were made.
func TestWalkLosesNothing(t *testing.T) {
	t.Parallel()
	complete := 0
	rapid.Check(t, func(t *rapid.T) {
		o := order(rapid.IntRange(int(newestFirst), int(anyOrder)).Draw(t, "order"))
		k := clocksTrue
		if o <= oldestFirst {
			k = clocks(rapid.IntRange(int(clocksTrue), int(clocksHalf)).Draw(t, "clocks"))
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		s := newSim(rng, o, churn{}, rapid.IntRange(0, 40).Draw(t, "images"), rapid.IntRange(3, 12).Draw(t, "page"), rapid.Bool().Draw(t, "mixed"))
		s.clocks = k
		s.happen = func() {
			for _, event := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 4).Draw(t, "events") {
				switch event {
				case 0, 1, 2:
					s.push()
				case 3:
					s.insert()
				case 4:
					s.remove()
				}
			}
		}
		v, err := Read(context.Background(), s, NewHabits(s.size))
		if err != nil {
			t.Fatal(err)
		}
		if v.Evidence == registry.Complete {
			complete++
			if lost := s.lost(v.Began, v.Images); lost > 0 {
				t.Fatalf("%d images lost in a list kept %v", lost, o)
			}
		}
		if unique(v.Images) != len(v.Images) {
			t.Fatal("a name stands twice")
		}
		if s.requests > 3*(sparePages+4*60) {
			t.Fatalf("%d requests", s.requests)
		}
	})
	if complete == 0 {
		t.Error("no read was complete: nothing was tested")
	}
}

func unique(images []registry.Image) int {
	seen := map[string]bool{}
	for _, image := range images {
		seen[image.Name] = true
	}
	return len(seen)
}

// TestCleanWalkOfAMovedList shows the one move that seams and counts cannot see: an image is taken away, one is put in its place, and a
// third moves from the part not read yet to the part already read. Only the new image's time gives it away.
func TestCleanWalkOfAMovedList(t *testing.T) {
	t.Parallel()
	for k, want := range map[clocks]int{clocksTrue: 0, clocksMute: 1} {
		s := newSim(rand.New(rand.NewPCG(1, 1)), anyOrder, churn{}, 8, 6, false) // pages 0-5 and 4-7
		s.clocks = k
		s.happen = func() {
			if s.requests == 2 { // 0 goes, 8 takes the place of 7, and 7 stands where 0 was
				s.list = []int32{7, 1, 2, 3, 4, 5, 6, 8}
				s.dead[0], s.born[8], s.next = s.clock, s.clock, 9
			}
		}
		v, err := Read(t.Context(), s, NewHabits(s.size))
		if err != nil {
			t.Fatal(err)
		}
		if lost := s.lost(v.Began, v.Images); lost != want || v.Evidence != registry.Complete {
			t.Errorf("clocks %d: %d lost, evidence %v after %d walks", k, lost, v.Evidence, v.Walks)
		}
	}
}

// TestSeamsTellWhatCountsDoNot moves a list so that no row repeats and all counts fit; only the rows shared by two pages differ.
func TestSeamsTellWhatCountsDoNot(t *testing.T) {
	t.Parallel()
	s := newSim(rand.New(rand.NewPCG(1, 1)), anyOrder, churn{}, 8, 6, false) // pages 0-5 and 4-7
	s.clocks = clocksMute
	s.happen = func() {
		if s.requests == 2 {
			s.list = []int32{7, 4, 5, 3, 1, 2, 6, 8}
		}
	}
	v, err := Read(t.Context(), s, NewHabits(s.size))
	if err != nil {
		t.Fatal(err)
	}
	if lost := s.lost(v.Began, v.Images); lost > 0 || v.Walks < 2 || v.Broken == 0 {
		t.Errorf("%d lost, evidence %v after %d walks, %d seams broken", lost, v.Evidence, v.Walks, v.Broken)
	}
}

// TestBusyList reads a list of 50,000 images that moves every few requests. It has to end after about one walk, with what it
// proves.
func TestBusyList(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		churn churn
		order order
		want  registry.Evidence
	}{
		{churn{0.3, 0, 0}, newestFirst, registry.Complete},
		{churn{0.3, 0.05, 0}, newestFirst, registry.Complete},
		{churn{0.3, 0.05, 0.03}, newestFirst, registry.Drifting},
		{churn{0.3, 0.05, 0}, byName, registry.Complete},
		{churn{0.3, 0.05, 0.05}, byName, registry.Drifting},
	} {
		for _, mixed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v %s mixed=%v", test.churn, test.order, mixed), func(t *testing.T) {
				t.Parallel()
				s := newSim(rand.New(rand.NewPCG(1, 1)), test.order, test.churn, 50_000, 100, mixed)
				v, err := Read(t.Context(), s, NewHabits(s.size))
				if err != nil {
					t.Fatal(err)
				}
				lost := s.lost(v.Began, v.Images)
				t.Logf("%d requests, %d walks, %d seams broken, %d duplicates, evidence %v, %d lost", s.requests, v.Walks, v.Broken, v.Duplicates, v.Evidence, lost)
				if v.Evidence != test.want || lost > 0 || s.requests > 511*13/10 || v.Pages != s.requests {
					t.Errorf("%d requests, %d pages, evidence %v, %d lost", s.requests, v.Pages, v.Evidence, lost)
				}
			})
		}
	}
}

// TestRejectedRowsKeepTheirPlace reads a list at rest with rows that cannot be used. They must not make it look as if it moved.
func TestRejectedRowsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"with a key": "\x00bad", "nameless": ""} {
		list := make([]registry.Row, 25)
		for i := range list {
			list[i] = registry.Row{Key: labels[i], Image: registry.Image{Name: labels[i], Counted: true}}
		}
		list[5], list[9] = registry.Row{Key: key}, registry.Row{Key: key + labels[1]}
		if key == "" {
			list[9].Key = ""
		}
		v, err := Read(t.Context(), fixed{list, 10}, NewHabits(10))
		if err != nil {
			t.Fatal(err)
		}
		if v.Evidence != registry.Complete || v.Walks != 1 || len(v.Images) != 23 {
			t.Errorf("%s: evidence %v after %d walks, %d images", name, v.Evidence, v.Walks, len(v.Images))
		}
	}
}

// fixed is a list at rest.
type fixed struct {
	list []registry.Row
	size int
}

func (f fixed) Now() time.Time { return simEpoch }
func (f fixed) Pages(_ context.Context, offsets []int, _ int, take func(Answer)) error {
	for _, offset := range offsets {
		take(Answer{Offset: offset, Page: registry.Page{Total: int64(len(f.list)), Rows: f.list[min(offset, len(f.list)):min(offset+f.size, len(f.list))]}})
	}
	return nil
}

// TestListWithoutAnEnd reads a list that goes on for ever and gives less and less a page. It is given up once, not three
// times, and proves presence only.
func TestListWithoutAnEnd(t *testing.T) {
	t.Parallel()
	list := &endlessDrops{}
	v, err := Read(t.Context(), list, NewHabits(12))
	if err != nil {
		t.Fatal(err)
	}
	if v.Evidence != registry.Partial || v.Walks != 1 || list.requests > 100*sparePages {
		t.Errorf("evidence %v after %d walks, %d requests", v.Evidence, v.Walks, list.requests)
	}
}

// endlessDrops gives a full page once and then two rows at any offset.
type endlessDrops struct{ requests int }

func (e *endlessDrops) Now() time.Time { return simEpoch }
func (e *endlessDrops) Pages(_ context.Context, offsets []int, _ int, take func(Answer)) error {
	for _, offset := range offsets {
		e.requests++
		p := registry.Page{Total: 1 << 40}
		n := 3
		if offset == 0 {
			n = 12
		}
		for i := range n {
			p.Rows = append(p.Rows, registry.Row{Key: fmt.Sprint(offset + i)})
		}
		take(Answer{Offset: offset, Page: p})
	}
	return nil
}

// FuzzWalk reads from a server whose every answer comes from the fuzzer.
func FuzzWalk(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3, 3, 0, 1, 2, 3, 3, 1, 2, 3})
	f.Add(slices.Repeat([]byte{4, 255, 1, 2, 3, 4}, 40))
	f.Add(slices.Repeat([]byte{1, 0, 7}, 100))
	f.Add([]byte{6, 9, 1, 2, 3, 4, 5, 6, 1, 253, 0, 253, 3, 9, 5, 6, 7})
	f.Add([]byte{6, 6, 1, 2, 3, 4, 5, 6, 2, 6, 5, 6, 6, 6, 1, 2, 3, 4, 5, 6, 2, 6, 5, 6})
	f.Fuzz(func(t *testing.T, data []byte) {
		a := &adversary{data: data}
		v, err := Read(t.Context(), a, NewHabits(6))
		if err != nil {
			if len(a.gave) > 0 {
				t.Fatalf("%d images were given: %v", len(a.gave), err)
			}
			return
		}
		if unique(v.Images) != len(v.Images) || v.Walks < 1 || v.Walks > maxWalks || v.Pages > a.requests {
			t.Fatalf("%d images, %d walks, %d pages, %d requests", len(v.Images), v.Walks, v.Pages, a.requests)
		}
		if limit := maxWalks * (2*sparePages + 8*(a.rows+2)); a.requests > limit {
			t.Fatalf("%d requests for %d rows", a.requests, a.rows)
		}
		for _, image := range v.Images {
			if !a.gave[image.Name] {
				t.Fatalf("image %q was never given", image.Name)
			}
		}
		if len(v.Images) != len(a.gave) {
			t.Fatalf("%d images of %d that were given", len(v.Images), len(a.gave))
		}
	})
}

// adversary answers with what its data says, whatever it is asked: a number of rows, a total or a refusal,
// and the rows.
type adversary struct {
	data     []byte
	requests int
	rows     int
	gave     map[string]bool
}

func (a *adversary) Now() time.Time { return simEpoch.Add(time.Duration(a.requests) * time.Second) }

func (a *adversary) next() int {
	if len(a.data) == 0 {
		return 0
	}
	b := a.data[0]
	a.data = a.data[1:]
	return int(b)
}

func (a *adversary) Pages(_ context.Context, offsets []int, _ int, take func(Answer)) error {
	if a.gave == nil {
		a.gave = map[string]bool{}
	}
	for _, offset := range offsets {
		a.requests++
		p := registry.Page{}
		n := a.next() % 12
		switch total := a.next(); total {
		case 255:
			p.Total = 1 << 62
		case 254:
			p.Total = -1
		case 253:
			take(Answer{Offset: offset, Refused: errOutOfRange, OutOfRange: n > 0})
			continue
		default:
			p.Total = int64(total)
		}
		for range n {
			a.rows++
			id := a.next()
			switch id {
			case 255:
				p.Rows = append(p.Rows, registry.Row{})
			case 254:
				p.Rows = append(p.Rows, registry.Row{Key: "\x00bad"})
			default:
				name := string(binary.AppendUvarint(nil, uint64(id)))
				name = fmt.Sprintf("i%x", name)
				a.gave[name] = true
				image := registry.Image{Name: name, Counted: id%3 > 0, PullCount: int64(a.requests)}
				image.Created.At = simEpoch.Add(time.Duration(id-100) * time.Second)
				p.Rows = append(p.Rows, registry.Row{Key: name, Image: image})
			}
		}
		take(Answer{Offset: offset, Page: p})
	}
	return nil
}
