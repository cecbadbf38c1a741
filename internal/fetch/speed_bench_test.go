package fetch

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
)

// readAll reads repos as a run does: more of them at a time than there may be requests in flight.
func readAll(b *testing.B, s *Source, repos []registry.Repo) {
	b.Helper()
	queue := make(chan registry.Repo)
	var wg sync.WaitGroup
	for range min(len(repos), 2*s.opts.Concurrency) {
		wg.Go(func() {
			for r := range queue {
				if snap, err := s.Read(b.Context(), r); err != nil || snap.Evidence != registry.Complete {
					b.Errorf("%s: evidence %v: %v", r.Key, snap.Evidence, err)
				}
			}
		})
	}
	for _, r := range repos {
		queue <- r
	}
	close(queue)
	wg.Wait()
}

// BenchmarkPages reads one repo of 10,000 images over loopback.
func BenchmarkPages(b *testing.B) {
	world := fakeapi.NewWorld()
	world.Fill("web", 10_000)
	for _, latency := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
		srv := serve(b, world, fakeapi.Latency(latency))
		for _, concurrency := range []int{1, 4, 8, 16, 32} {
			b.Run(fmt.Sprintf("latency=%s/concurrency=%d", latency, concurrency), func(b *testing.B) {
				s := source(b, srv, func(o *Options) { o.Concurrency = concurrency })
				for b.Loop() {
					readAll(b, s, []registry.Repo{repo("web")})
				}
				b.ReportMetric(float64(s.Traffic().Requests)/b.Elapsed().Seconds(), "pages/s")
			})
		}
	}
}

// BenchmarkLatencyBound reads 100,000 images with 20 ms latency and 8 requests in flight, as one repo and as a thousand. The
// ratio compares the time to what the latency alone takes, requests x latency / concurrency; it is to stay below 1.25.
func BenchmarkLatencyBound(b *testing.B) {
	const latency, concurrency = 20 * time.Millisecond, 8
	for _, repos := range []int{1, 1000} {
		b.Run(fmt.Sprintf("repos=%d", repos), func(b *testing.B) {
			world := fakeapi.NewWorld()
			var all []registry.Repo
			for i := range repos {
				name := fmt.Sprintf("r%d", i)
				world.Fill(name, 100_000/repos)
				all = append(all, repo(name))
			}
			srv := serve(b, world, fakeapi.Latency(latency))
			s := source(b, srv, func(o *Options) { o.Concurrency = concurrency })
			for b.Loop() {
				readAll(b, s, all)
			}
			requests := int(s.Traffic().Requests) / b.N
			ideal := float64(requests) * latency.Seconds() / concurrency
			took := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(took/ideal, "ratio")
			b.ReportMetric(float64(requests), "requests")
			b.ReportMetric(took/bare(b, srv, requests, concurrency).Seconds(), "ratio-to-bare-HTTP")
		})
	}
}

// bare is how long the same number of requests takes when nothing is made of their answers: what this machine can do at this moment.
func bare(b *testing.B, srv *fakeapi.Server, requests, concurrency int) time.Duration {
	b.Helper()
	client := &http.Client{Transport: transport(concurrency)}
	defer client.CloseIdleConnections()
	params := request{action: actionImages, repo: "r0", limit: 100}.params(Credentials{PublicKey: srv.PublicKey})
	params["Signature"] = sign(params, srv.PrivateKey)
	body := form(params)
	begun := time.Now()
	var wg sync.WaitGroup
	for i := range concurrency {
		wg.Go(func() {
			for range (requests + i) / concurrency {
				resp, err := client.Post(srv.URL, "application/x-www-form-urlencoded", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Error(err)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	return time.Since(begun)
}
