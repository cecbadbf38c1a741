package fetch

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/registry"
)

// gaps are the times between the requests a repo was asked with.
func gaps(log []fakeapi.Request) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(log); i++ {
		all = append(all, log[i].At.Sub(log[i-1].At))
	}
	return all
}

// bubble makes an API of a repo of n images, and a source that reads it, for a test with synctest's clock.
func bubble(t *testing.T, n int, change func(*Options), options ...fakeapi.Option) (*Source, *fakeapi.API) {
	t.Helper()
	world := fakeapi.NewWorld()
	world.Fill("web", n)
	world.Fill("other", 1)
	api := fakeapi.New(world, append(options, fakeapi.Clock(time.Now))...)
	s := directly(t, world)
	opts := s.opts
	opts.Transport = direct{api}
	opts.Rand = func() float64 { return 0.5 }
	change(&opts)
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, api
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		random float64
		fault  fakeapi.Fault
		want   []time.Duration
	}{
		"whole":    {1, faults.HTTPStatus(503), []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}},
		"half":     {0.5, faults.RetCode(150, ""), []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}},
		"throttle": {1, faults.RetCode(153, ""), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute, time.Minute}},
		"asked":    {0, faults.WithHeader("Retry-After", "7", faults.HTTPStatus(429)), []time.Duration{7e9, 7e9, 7e9, 7e9, 7e9, 7e9, 7e9, 7e9, 7e9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, api := bubble(t, 1, func(o *Options) {
					o.MaxAttempts = 10
					o.Rand = func() float64 { return test.random }
				}, fakeapi.Faults(fakeapi.Rule{Do: test.fault}))
				if _, err := s.Read(t.Context(), repo("web")); !errors.Is(err, registry.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(test.want, gaps(api.Log())[:9]); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("Date", "Sat, 21 Nov 2026 10:00:00 GMT")
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC) // of a clock that is an hour behind
	for text, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0, " 3 ": 3 * time.Second, "1.5": 1500 * time.Millisecond, "0.25": 250 * time.Millisecond, "1.2.3": 0, ".": 0,
		"NaN": 0, "Inf": 0, "1e9": 0, "99999999999": forever, "99999999999999999999.5": forever, strings.Repeat("9", 400): forever,
		"Fri, 31 Dec 9999 23:59:59 GMT": forever, "Sat, 21 Nov 2026 10:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 09:00:00 GMT": 0,
	} {
		h.Set("Retry-After", text)
		if got := retryAfter(h, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", text, got, want)
		}
	}
	h = http.Header{"Retry-After": {"Sat, 21 Nov 2026 09:00:30 GMT"}}
	if got := retryAfter(h, now); got != 30*time.Second {
		t.Errorf("a date in an answer without one of its own: %v", got)
	}
}

// TestPauseHoldsEveryWorker lets one repo be told to wait and looks when the other is asked.
func TestPauseHoldsEveryWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, api := bubble(t, 1, func(*Options) {}, fakeapi.Faults(fakeapi.Rule{Repo: "web", Times: 1, Do: faults.WithHeader("Retry-After", "20", faults.RetCode(153, ""))}))
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Read(t.Context(), repo("web")); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		begun := time.Now()
		if _, err := s.Read(t.Context(), repo("other")); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begun); waited < 20*time.Second || waited > 21*time.Second {
			t.Errorf("the other repo was asked after %v", waited)
		}
		wg.Wait()
		if got := len(api.Log()); got < 3 {
			t.Errorf("%d requests", got)
		}
	})
}

// TestLongestPauseCounts starts a short pause within a long one.
func TestLongestPauseCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, 0)
		begun := time.Now()
		p.throttled(0, 30*time.Second)
		p.throttled(0, time.Second)
		if _, err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited != 30*time.Second {
			t.Errorf("went on after %v", waited)
		}
		p.leave()
	})
}

// TestPauseHoldsThoseInTheQueue begins a pause while a request waits for its place.
func TestPauseHoldsThoseInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, 0)
		begun := time.Now()
		if _, err := p.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.enter(t.Context()); err != nil {
				t.Error(err)
			}
			if waited := time.Since(begun); waited < 30*time.Second {
				t.Errorf("went on after %v", waited)
			}
		})
		synctest.Wait()
		p.throttled(0, 30*time.Second)
		p.leave()
		wg.Wait()
	})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, api := bubble(t, 3000, func(o *Options) { o.RateLimit, o.Shards, o.Concurrency = 20, 2, 8 })
		if _, err := s.Read(t.Context(), repo("web")); err != nil {
			t.Fatal(err)
		}
		log := api.Log()
		if rate := float64(len(log)-1) / log[len(log)-1].At.Sub(log[0].At).Seconds(); rate < 9.5 || rate > 10.5 {
			t.Errorf("%d requests at %.1f a second, want half of 20", len(log), rate)
		}
	})
}

// TestThrottleSlowsAndRecovers reads from a registry that bears 5 requests a second, then from one that bears any number.
func TestThrottleSlowsAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, api := bubble(t, 10_000, func(o *Options) { o.RateLimit, o.Concurrency, o.MaxAttempts = 40, 8, 12 },
			fakeapi.WithThrottle(fakeapi.Throttle{PerSecond: 5, Burst: 5}))
		snap, err := s.Read(t.Context(), repo("web"))
		if err != nil || len(snap.Images) != 10_000 || snap.Evidence != registry.Complete {
			t.Fatalf("%d images, evidence %v: %v", len(snap.Images), snap.Evidence, err)
		}
		stats := api.Stats()
		if share := float64(stats.Throttled) / float64(stats.Requests); share > 0.4 {
			t.Errorf("%d of %d requests were throttled: the source does not slow down", stats.Throttled, stats.Requests)
		}
		slowed := s.pace.limiter.Limit()
		if slowed > 20 {
			t.Errorf("rate %v after throttling to 5 a second", slowed)
		}
		api.Set(fakeapi.WithThrottle(fakeapi.Throttle{}))
		if _, err := s.Read(t.Context(), repo("web")); err != nil {
			t.Fatal(err)
		}
		if got := s.pace.limiter.Limit(); got <= 1.5*slowed || got > 40 {
			t.Errorf("rate %v after 100 successes at first %v", got, slowed)
		}
		for range 4 {
			if _, err := s.Read(t.Context(), repo("web")); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.pace.limiter.Limit(); got != 40 {
			t.Errorf("rate %v, want to be back at 40", got)
		}
	})
}

// TestThrottledTogether lets eight requests in flight be throttled at once: that is one sign of a rate too high, not eight.
func TestThrottledTogether(t *testing.T) {
	t.Parallel()
	p := newPace(8, 100)
	for range 8 {
		p.throttled(0, 0)
	}
	if got := p.limiter.Limit(); got != 70 {
		t.Errorf("rate %v, want 70", got)
	}
	p.throttled(1, 0)
	if got := p.limiter.Limit(); got != 49 {
		t.Errorf("rate %v, want 49", got)
	}
	free := newPace(1, 0)
	free.throttled(0, 0)
	if got := free.limiter.Limit(); got != throttledFrom {
		t.Errorf("rate %v, want %v", got, throttledFrom)
	}
}

// TestThrottlingNeverSpeedsUp throttles sources whose rate is below the lowest that others are slowed to.
func TestThrottlingNeverSpeedsUp(t *testing.T) {
	t.Parallel()
	for _, configured := range []float64{0.01, 0.05, 0.199, 0.2, 0.25, 1, 40, 0} {
		p := newPace(1, configured)
		for epoch := range 50 {
			before := p.limiter.Limit()
			p.throttled(epoch, 0)
			if after := p.limiter.Limit(); after > before || after == p.full || after < min(slowest, slowestPart*p.full) {
				t.Fatalf("configured %v: throttling led from %v to %v", configured, before, after)
			}
		}
		for range 10_000 {
			p.succeeded()
		}
		if got := p.limiter.Limit(); got != p.full {
			t.Errorf("configured %v: recovered to %v", configured, got)
		}
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	var repos []registry.Repo
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		world.Fill(name, 1500)
		repos = append(repos, repo(name))
	}
	srv := serve(t, world, fakeapi.Latency(2*time.Millisecond))
	s := source(t, srv, func(o *Options) { o.Concurrency = 3 })
	var wg sync.WaitGroup
	for _, r := range repos {
		wg.Go(func() {
			if _, err := s.Read(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := srv.Stats().MaxInFlight; got != 3 {
		t.Errorf("%d requests were in flight, want 3", got)
	}
}

// TestDeadAPI asks a registry that is down for many repos. The run has to end soon, without asking for each of them.
func TestDeadAPI(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeapi.Fault{"down": faults.HTTPStatus(503), "hangs": faults.Hang(nil), "throttles": faults.RetCode(153, "")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, api := bubble(t, 1, func(o *Options) { o.RateLimit = 10 }, fakeapi.Faults(fakeapi.Rule{Do: fault}))
				begun := time.Now()
				for range 1000 {
					if _, err := s.Read(t.Context(), repo("web")); !errors.Is(err, registry.ErrUnavailable) {
						t.Fatalf("error %v", err)
					}
				}
				if took := time.Since(begun); took > 17*time.Minute {
					t.Errorf("took %v", took)
				}
				if got := len(api.Log()); got != patience*(defaultMaxAttempts+1) { // the list is asked for each time, as there is no other repo
					t.Errorf("%d requests", got)
				}
			})
		})
	}
}

// TestRetryBudget lets a registry fail four of five calls: every request comes through in the end, but retries must run out.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t, 1, func(o *Options) {
			o.RetryBudget = 50
			o.Transport = &failing{times: 4, then: o.Transport}
		})
		var err error
		reads := 0
		for ; err == nil && reads < 1000; reads++ {
			_, err = s.Read(t.Context(), repo("web"))
		}
		if !errors.Is(err, registry.ErrUnavailable) || reads < 5 || reads > 10 {
			t.Errorf("%d reads, then %v", reads, err)
		}
	})
}

// TestSuccessesEarnRetries lets every other call fail, for ever: as long as the others succeed, that is no reason to stop.
func TestSuccessesEarnRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t, 1, func(o *Options) {
			o.RetryBudget = 50
			o.Transport = &failing{times: 1, then: o.Transport}
		})
		for i := range 500 {
			if _, err := s.Read(t.Context(), repo("web")); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
		}
	})
}

// TestPoisonedRepos reads repos that always fail while another is read well. That is their failure and not the source's.
func TestPoisonedRepos(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := bubble(t, 1, func(*Options) {}, fakeapi.Faults(fakeapi.Rule{Repo: "web", Do: faults.RetCode(110, "timeout")}))
		var wg sync.WaitGroup
		ctx, done := context.WithCancel(t.Context())
		wg.Go(func() {
			for sleep(ctx, time.Second) == nil {
				if _, err := s.Read(ctx, repo("other")); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
		for range 5 {
			if _, err := s.Read(t.Context(), repo("web")); err == nil || errors.Is(err, registry.ErrUnavailable) {
				t.Errorf("error %v", err)
			}
		}
		done()
		wg.Wait()
	})
}

// failing fails so many calls before each one that it lets through.
type failing struct {
	times, count int
	then         http.RoundTripper
}

func (f *failing) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.count++; f.count%(f.times+1) != 0 {
		return nil, errors.New("connection refused")
	}
	return f.then.RoundTrip(r)
}

// TestCancel ends the context while a read waits for something. It has to return at once.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options) []fakeapi.Option{
		"answer": func(*Options) []fakeapi.Option {
			return []fakeapi.Option{fakeapi.Faults(fakeapi.Rule{Do: faults.Hang(nil)})}
		},
		"backoff": func(o *Options) []fakeapi.Option {
			o.MaxAttempts = 20
			return []fakeapi.Option{fakeapi.Faults(fakeapi.Rule{Do: faults.HTTPStatus(500)})}
		},
		"pause": func(*Options) []fakeapi.Option {
			return []fakeapi.Option{fakeapi.Faults(fakeapi.Rule{Do: faults.WithHeader("Retry-After", "250", faults.HTTPStatus(429))})}
		},
		"rate": func(o *Options) []fakeapi.Option { o.RateLimit = 0.01; return nil },
		"place": func(o *Options) []fakeapi.Option {
			o.Concurrency = 1
			return []fakeapi.Option{fakeapi.Latency(time.Hour)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := bubble(t, 5000, func(*Options) {})
				opts := s.opts
				world := fakeapi.NewWorld()
				world.Fill("web", 5000)
				opts.RequestTimeout = 2 * time.Hour
				opts.Transport = direct{fakeapi.New(world, change(&opts)...)}
				s, err := New(opts)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						if _, err := s.Read(ctx, repo("web")); !errors.Is(err, context.Canceled) {
							t.Errorf("error %v", err)
						}
					})
				}
				time.Sleep(10 * time.Second)
				cancel()
				begun := time.Now()
				wg.Wait()
				if took := time.Since(begun); took > 100*time.Millisecond {
					t.Errorf("returned %v after the end", took)
				}
			})
		})
	}
}
