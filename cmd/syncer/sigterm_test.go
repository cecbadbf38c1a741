package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// A process that is told to stop, whenever that is, ends within its grace period with 143 when work is left undone and else with
// 0; it leaves every repo as it was or as it was read, and its record closed.
func TestStoppedAnywhere(t *testing.T) {
	t.Parallel()
	const repos, images, rounds = 12, 150, 50
	const grace = 2 * time.Second
	dsn := pgtest.Empty(t)
	world, server := smallRegistry(t, repos, images, fakeapi.Latency(3*time.Millisecond))
	settings := []string{"DATABASE_URL=" + dsn, "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + server.PublicKey, "UCLOUD_PRIVATE_KEY=" + server.PrivateKey,
		"SYNCER_RATE_LIMIT=0", "SYNCER_DISCOVER=all", "SYNCER_GRACE_PERIOD=" + grace.String(), "SYNCER_SCHEDULE=@every 1s",
		"SYNCER_LISTEN=127.0.0.1:0", "PATH=" + os.Getenv("PATH")}
	rng := rand.New(rand.NewPCG(3, 4))
	conn := connect(t, dsn)
	codes := map[int]int{}
	var slowest time.Duration
	for round := range rounds {
		command := []string{"sync", "run"}[round%2]
		stuck := round%10 == 9 // a request of the round hangs, so that the grace period runs out
		release, come := make(chan struct{}), make(chan struct{}, 10_000)
		after := 1 + rng.IntN(3*repos) // requests until the signal
		hang := faults.Hang(release)
		var seen atomic.Int64
		server.Set(fakeapi.FaultFunc(func(fakeapi.Request) fakeapi.Fault {
			come <- struct{}{}
			if n := seen.Add(1); stuck && n >= int64(after) {
				return hang
			}
			return nil
		}))
		cmd := exec.CommandContext(t.Context(), program(t), command, "--migrate")
		var out bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = settings, &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		var signalled time.Time
		for n, over := 0, false; !over; {
			select {
			case <-come:
				if n++; n == after {
					time.Sleep(time.Duration(rng.IntN(4000)) * time.Microsecond) // between a request and the next, too
					signalled = time.Now()
					_ = cmd.Process.Signal(syscall.SIGTERM) // sync may have ended by itself
				}
			case <-ended:
				over = true
			}
		}
		code, took := cmd.ProcessState.ExitCode(), time.Since(signalled)
		close(release)
		codes[code]++
		// The last record reports whether work was left undone; an idle daemon's was closed as ok.
		var status string
		if err := conn.QueryRow(t.Context(), `SELECT status FROM reporting.runs ORDER BY run_id DESC LIMIT 1`).Scan(&status); err != nil {
			t.Fatalf("round %d: %v\n%s", round, err, out.String())
		}
		want := map[string]int{"ok": 0, "aborted": exitSignal + int(syscall.SIGTERM)}
		if w, ok := want[status]; !ok || code != w {
			t.Errorf("round %d: %s ended with %d, and its record says %s\n%s", round, command, code, status, out.String())
		}
		if !signalled.IsZero() {
			slowest = max(slowest, took)
			if took > grace+20*time.Second { // the process itself takes its time on a busy machine; the request hangs for good
				t.Errorf("round %d: %s took %s to end", round, command, took)
			}
		}
		checkWhole(t, dsn, images, round)
		for i := range repos {
			for j := range images {
				world.Pull(fmt.Sprintf("repo-%02d", i), fmt.Sprintf("img-%05d", j), 1000)
			}
		}
	}
	t.Logf("exit codes %v, the slowest end took %s of %s", codes, slowest, grace)
	if codes[0] < 5 || codes[exitSignal+int(syscall.SIGTERM)] < 15 {
		t.Errorf("exit codes %v: too few of a kind to show anything", codes)
	}
}
