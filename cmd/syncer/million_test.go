package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
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
	peak, first, quiet := syncTwice(b, binary, 1_000_000)
	var small, smallQuiet []time.Duration
	for range 5 {
		_, f, q := syncTwice(b, binary, 10_000)
		small, smallQuiet = append(small, f), append(smallQuiet, q)
	}
	slices.Sort(small)
	slices.Sort(smallQuiet)
	b.ReportMetric(float64(peak)/1024, "peak-MiB")
	b.ReportMetric(400, "limit-MiB")
	b.ReportMetric(first.Seconds()/100/small[2].Seconds(), "first-ratio")
	b.ReportMetric(quiet.Seconds()/100/smallQuiet[2].Seconds(), "quiet-ratio")
	b.ReportMetric(1.3, "limit")
	b.ReportMetric(first.Seconds(), "first-s")
	b.ReportMetric(quiet.Seconds(), "quiet-s")
	b.ReportMetric(0, "ns/op")
}

// syncTwice returns the largest resident set in KiB of a first run and a quiet one, and how long each took.
func syncTwice(b *testing.B, binary string, images int) (peak int64, first, quiet time.Duration) {
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
	run := func(args ...string) time.Duration {
		cmd := exec.CommandContext(b.Context(), binary, args...)
		cmd.Env = env
		most, took := highest(b, cmd)
		peak = max(peak, most)
		return took
	}
	run("migrate", "up")
	first = run("sync")
	quiet = run("sync")
	return peak, first, quiet
}

// highest runs a command that must succeed and returns the most memory that it took, in KiB, and how long.
func highest(b *testing.B, cmd *exec.Cmd) (peak int64, took time.Duration) {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatalf("%v: %v\n%s", cmd.Args, err, out.Bytes())
			}
			return peak, time.Since(began)
		case <-time.After(20 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is the largest resident set of a living process in KiB so far. (The rusage of a child that has ended counts its
// parent's memory at the fork.)
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it has just ended
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	return n
}
