package syncer

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"syncer/internal/registry"
	"syncer/internal/schedule"
)

// hangingSource reads until its context ends while it hangs.
type hangingSource struct {
	*fakeSource
	hangs *bool
}

func (s hangingSource) Read(ctx context.Context, repo registry.Repo) (registry.Snapshot, error) {
	if *s.hangs {
		<-ctx.Done()
	}
	return s.fakeSource.Read(ctx, repo)
}

// TestSoak does 200 runs of a schedule in simulated time, some of which panic, hang until their deadline or lose the database. None
// stops the next, none overlaps another, and neither goroutines (the bubble fails) nor memory are left behind.
func TestSoak(t *testing.T) { //nolint:paralleltest // the memory of other tests would be counted
	synctest.Test(t, func(t *testing.T) {
		const runs = 200
		spec, err := schedule.Parse("@hourly", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		f := newFixture(numbered(300)...)
		f.opt.Now, f.opt.Grace = time.Now, 10*time.Second
		f.sink.step, f.sources[0].step = func() {}, func() {}
		var hangs bool
		random := rand.New(rand.NewPCG(5, 6))
		runner := New(f.sink, []Lane{{Source: hangingSource{f.sources[0], &hangs}, Readers: 4}}, f.opt)
		ended := map[registry.RunStatus]int{}
		var heap uint64
		var running, n int
		ctx, cancel := context.WithTimeout(t.Context(), runs*time.Hour+time.Minute)
		defer cancel()
		schedule.Loop{
			Schedule: spec, Timeout: 10 * time.Minute, Logger: f.opt.Logger,
			Panicked: func(cause string) { t.Errorf("a panic came through to the schedule: %s", cause) },
			Job: func(ctx context.Context) {
				if running++; running > 1 {
					t.Error("two runs at once")
				}
				defer func() { running-- }()
				f.sink.failOn, hangs, f.sources[0].images = "", false, nil
				switch random.IntN(6) {
				case 0:
					hangs = true
				case 1:
					f.sink.failOn = []string{"begin", "claim", "apply", "finish"}[random.IntN(4)]
				case 2:
					f.sources[0].images = map[string]int{"r0007": -1} // panics
				}
				res, err := runner.Run(ctx)
				if well := f.sink.failOn == "" && !hangs; well != (err == nil) {
					t.Errorf("run %d: %v, %+v", n, err, res)
				}
				ended[res.Summary.Status]++
				// What the fakes remember is not the runner's.
				f.sink.groups, f.sink.claims, f.sink.finished, f.sources[0].reads = nil, nil, nil, nil
				if n++; n == runs/4 || n == runs {
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					if n == runs && m.HeapAlloc > heap+1<<20 {
						t.Errorf("%d kB in use after %d runs, %d after %d", m.HeapAlloc>>10, runs, heap>>10, runs/4)
					}
					t.Logf("%d runs: %d kB in use", n, m.HeapAlloc>>10)
					heap = m.HeapAlloc
				}
			},
		}.Run(ctx)
		if n != runs {
			t.Errorf("%d runs, want %d", n, runs)
		}
		t.Logf("records: %v", ended)
		for _, status := range []registry.RunStatus{registry.RunOK, registry.RunPartial, registry.RunAborted, registry.RunFailed} {
			if ended[status] < 5 {
				t.Errorf("only %d runs ended as %s: too few to show anything", ended[status], status)
			}
		}
	})
}
