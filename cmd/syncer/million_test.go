package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/pgtest"
)

// BenchmarkMillionImages syncs one repo of 1,000,000 images with the built program and reports its peak memory against a limit
// of 400 MiB, and the cost of an image against that in a repo of 10,000.
func BenchmarkMillionImages(b *testing.B) {
	binary := b.TempDir() + "/syncer"
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	peak, first, quiet := syncOnce(b, binary, 1_000_000)
	_, firstSmall, quietSmall := syncOnce(b, binary, 10_000)
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
	b.ReportMetric(400, "limit-MiB")
	b.ReportMetric(first.Seconds()/100/firstSmall.Seconds(), "first-ratio")
	b.ReportMetric(quiet.Seconds()/100/quietSmall.Seconds(), "quiet-ratio")
	b.ReportMetric(1.3, "limit")
	b.ReportMetric(first.Seconds(), "first-s")
	b.ReportMetric(quiet.Seconds(), "quiet-s")
	b.ReportMetric(0, "ns/op")
}

// syncOnce returns the largest resident set in KiB of a first run and a quiet one, and how long each took.
func syncOnce(b *testing.B, binary string, images int) (peak int64, first, quiet time.Duration) {
	b.Helper()
	world := fakeapi.NewWorld()
	world.AddRepo(fakeapi.Repo{Name: "big", Order: fakeapi.Insertion})
	world.Fill("big", images)
	srv, err := fakeapi.NewServer(world)
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	env := append(os.Environ(), "DATABASE_URL="+pgtest.Empty(b), "UCLOUD_API_BASE_URL="+srv.URL, "UCLOUD_PUBLIC_KEY="+srv.PublicKey,
		"UCLOUD_PRIVATE_KEY="+srv.PrivateKey, "UCLOUD_PROJECT_ID=org-1", "SYNCER_REPOS=big", "SYNCER_RATE_LIMIT=0", "SYNCER_PAGE_SIZE=1000")
	run := func() time.Duration {
		cmd := exec.CommandContext(context.Background(), binary, "sync", "--migrate")
		cmd.Env = env
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("sync: %v\n%s", err, out)
		}
		peak = max(peak, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
		return time.Since(began)
	}
	first = run()
	quiet = run()
	return peak, first, quiet
}
