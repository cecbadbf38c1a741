package fetch

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/registry"
	"syncer/internal/wire"
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

// TestReadForms reads the same list in every form in which the registry has been seen to write it, or might.
func TestReadForms(t *testing.T) {
	t.Parallel()
	forms := map[string]fakeapi.Wire{
		"documented": {}, "older": {Times: fakeapi.TimeInt, NoRepoName: true}, "other repo's name": {OtherRepoName: true},
		"bare": {NoAction: true, Keys: fakeapi.KeysLower}, "shouting": {Keys: fakeapi.KeysUpper, Extra: true, RequestUUID: true, Message: true},
		"pretty": {Pretty: true, BOM: true}, "code text": {Codes: fakeapi.CodeString}, "code float": {Codes: fakeapi.CodeFloat},
	}
	for i := fakeapi.TimeString; i <= fakeapi.TimeGarbage; i++ {
		forms[fmt.Sprintf("times %d", i)] = fakeapi.Wire{Times: i}
	}
	for i := fakeapi.CountInt; i <= fakeapi.CountText; i++ {
		forms[fmt.Sprintf("counts %d", i)] = fakeapi.Wire{Counts: i}
	}
	for i := fakeapi.TagText; i <= fakeapi.TagNumber; i++ {
		forms[fmt.Sprintf("tags %d", i)] = fakeapi.Wire{Tags: i}
	}
	for i := fakeapi.EmptyArray; i <= fakeapi.EmptyObject; i++ {
		forms[fmt.Sprintf("empty %d", i)] = fakeapi.Wire{Empty: i}
	}
	for name, wire := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.Fill("web", 150)
			world.AddRepo(fakeapi.Repo{Name: "none"})
			s := directly(t, world, fakeapi.WithWire(wire))
			snap, err := s.Read(t.Context(), repo("web"))
			if err != nil || snap.Evidence != registry.Complete || snap.Walks != 1 {
				t.Fatalf("evidence %v after %d walks: %v", snap.Evidence, snap.Walks, err)
			}
			counted := wire.Counts <= fakeapi.CountExponent
			timed := wire.Times < fakeapi.TimeZero
			for _, image := range snap.Images {
				want, _ := world.Image("web", image.Name)
				if image.Counted != counted || counted && image.PullCount != want.Pulls || !counted && image.PullCount != 0 {
					t.Fatalf("count of %+v, want %d", image, want.Pulls)
				}
				if timed && !image.Created.At.Equal(want.Created) || !timed && !image.Created.At.IsZero() {
					t.Fatalf("time of %+v, want %v", image, want.Created)
				}
			}
			if faulty := !counted || wire.Times == fakeapi.TimeGarbage; faulty != (len(snap.Rejected) > 0) {
				t.Errorf("rejected %d: %v", len(snap.Rejected), snap.Rejected[:min(1, len(snap.Rejected))])
			}
			if len(snap.Images) != 150 {
				t.Errorf("%d images", len(snap.Images))
			}
			if snap, err = s.Read(t.Context(), repo("none")); err != nil || snap.Evidence != registry.Complete || len(snap.Images) != 0 {
				t.Errorf("repo without images: %+v, %v", snap, err)
			}
		})
	}
}

// TestReadExamples reads the vendor's two example answers: 9 rows, though the total is 5.
func TestReadExamples(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"english": fakeapi.ExampleEnglish, "chinese": fakeapi.ExampleChinese} {
		world := fakeapi.NewWorld()
		world.AddRepo(fakeapi.Repo{Name: "once", Body: body})
		// "always" answers the example whatever is asked, as a recorded answer does.
		always := fakeapi.Rule{Repo: "always", Do: faults.Body(body)}
		world.AddRepo(fakeapi.Repo{Name: "always"})
		s := directly(t, world, fakeapi.Faults(always))
		for _, r := range []string{"once", "always"} {
			snap, err := s.Read(t.Context(), repo(r))
			if err != nil {
				t.Fatal(err)
			}
			got := counts(snap.Images)
			want := map[string]int64{"dCVBnkxg": 4, "HxZkUXvp": 2, "qCHiVQXX": 6, "lJszSnED": 1, "BfChDnxj": 9, "HUTQywVu": 1, "QfwwaABh": 7, "ThYJXrVc": 4, "qzCGPhQD": 6}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, r, diff)
			}
			if snap.TotalCount != 5 && r == "always" || snap.Evidence != registry.Complete || len(snap.Rejected) > 0 {
				t.Errorf("%s, %s: total %d, evidence %v, rejected %v", name, r, snap.TotalCount, snap.Evidence, snap.Rejected)
			}
		}
	}
}

// TestOddRows reads a list in which some rows are spoilt. The others are read, and the spoilt ones are named.
func TestOddRows(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.Fill("web", 120)
	world.PutImages("web",
		fakeapi.Image{Name: "1", Row: `null`}, fakeapi.Image{Name: "2", Row: `"img"`}, fakeapi.Image{Name: "3", Row: `{"PullCount":1}`},
		fakeapi.Image{Name: "4", Row: `{"ImageName":"a\u0000b","PullCount":1}`}, fakeapi.Image{Name: "5", Row: `{"ImageName":"half"}`},
		fakeapi.Image{Name: "6", Row: `{"ImageName":"` + strings.Repeat("x", 2000) + `","PullCount":1}`})
	s := directly(t, world)
	snap, err := s.Read(t.Context(), repo("web"))
	if err != nil {
		t.Fatal(err)
	}
	if snap.Evidence != registry.Complete || snap.Walks != 1 || len(snap.Images) != 121 {
		t.Errorf("evidence %v after %d walks, %d images", snap.Evidence, snap.Walks, len(snap.Images))
	}
	var got []string
	for _, r := range snap.Rejected {
		got = append(got, wire.Shorten(r.Image, 5)+": "+r.Reason)
	}
	want := []string{": row has no name", "a?b: name holds a NUL byte", "half: PullCount is missing", "xxxxx...: name is longer than 1024 bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

// TestReadThroughFaults lets one request in five go wrong, each in a way of its own.
func TestReadThroughFaults(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	var repos []registry.Repo
	for i := range 40 {
		name := fmt.Sprintf("r%d", i)
		world.Fill(name, 37*i)
		repos = append(repos, repo(name))
	}
	world.Fill("big", 20_000)
	repos = append(repos, repo("big"))
	srv := serve(t, world, fakeapi.FaultFunc(faults.Mix(7, 0.2, faults.Passing()...)))
	s := source(t, srv, func(o *Options) { o.Concurrency, o.MaxAttempts = 8, 10 })
	var wg sync.WaitGroup
	for _, r := range repos {
		wg.Go(func() {
			snap, err := s.Read(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			if diff := cmp.Diff(truth(world, r.Key.Name), counts(snap.Images)); diff != "" || snap.Evidence != registry.Complete || snap.Walks != 1 {
				t.Errorf("%s: evidence %v, images (-want +got):\n%s", r.Key, snap.Evidence, diff)
			}
		})
	}
	wg.Wait()
	stats, traffic := srv.Stats(), s.Traffic()
	if stats.Faulted*7 < stats.Requests {
		t.Errorf("%d of %d requests went wrong, which is too few to tell", stats.Faulted, stats.Requests)
	}
	if traffic.Requests != int64(stats.Requests) || traffic.Retries < int64(stats.Faulted)*9/10 {
		t.Errorf("traffic %+v, the server saw %+v", traffic, stats)
	}
}

// TestSnapshotSpeaksOfItsLastPage checks the moments a snapshot bears, by a clock that moves with every request.
func TestSnapshotSpeaksOfItsLastPage(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.Fill("web", 250)
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	s := directly(t, world, fakeapi.Before(func(fakeapi.Request) { now = now.Add(time.Minute) }))
	s.opts.Now = func() time.Time { return now }
	s.opts.Concurrency = 1
	began := now
	snap, err := s.Read(t.Context(), repo("web"))
	if err != nil {
		t.Fatal(err)
	}
	if !snap.StartedAt.Equal(began) || !snap.FinishedAt.Equal(began.Add(3*time.Minute)) || snap.Pages != 3 || snap.Repo != repo("web") {
		t.Errorf("snapshot of %v: %v to %v, %d pages", snap.Repo, snap.StartedAt, snap.FinishedAt, snap.Pages)
	}
}

// TestObserve counts what the hook for metrics is told.
func TestObserve(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.Fill("web", 1)
	srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Times: 1, Do: faults.HTTPStatus(500)}, fakeapi.Rule{From: 2, Times: 1, Do: faults.RetCode(153, "")}))
	told := map[string]int{}
	s := source(t, srv, func(o *Options) {
		o.Concurrency = 1
		o.Observe = func(action, outcome string, took time.Duration) {
			if took <= 0 {
				t.Errorf("%s took %v", outcome, took)
			}
			told[action+" "+outcome]++
		}
	})
	if _, err := s.Read(t.Context(), repo("web")); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"GetRepoImage ok": 2, "GetRepoImage retry": 1, "GetRepoImage throttle": 1}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
