package syncer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncer/internal/registry"
)

// slowSource takes its time for every repo, or until its context ends.
type slowSource struct {
	*fakeSource
	takes time.Duration
}

func (s slowSource) Read(ctx context.Context, repo registry.Repo) (registry.Snapshot, error) {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
	}
	return s.fakeSource.Read(ctx, repo)
}

// A run that is asked to end takes no more repos and has its grace time for those it has, of which a fifth is for the record.
func TestGrace(t *testing.T) {
	t.Parallel()
	cause := errors.New("told to stop")
	for name, tt := range map[string]struct {
		takes, after time.Duration // to read a repo; until the run is asked to end
		repos        int
		done         int           // repos that are finished
		end          time.Duration // of the run
		status       registry.RunStatus
	}{
		"repos in flight are finished":     {4 * time.Second, 5 * time.Second, 9, 6, 8 * time.Second, registry.RunAborted},
		"what takes too long is given up":  {15 * time.Second, time.Second, 9, 0, 9 * time.Second, registry.RunAborted},
		"a run that can be done is done":   {4 * time.Second, 9 * time.Second, 9, 9, 12 * time.Second, registry.RunOK},
		"nothing was taken when it ended ": {4 * time.Second, 0, 9, 0, 0, registry.RunAborted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(numbered(tt.repos)...)
				f.opt.Grace = 10 * time.Second
				f.sink.step = func() {}
				f.sources[0].step = f.sink.step
				ctx, cancel := context.WithCancelCause(t.Context())
				defer time.AfterFunc(tt.after, func() { cancel(cause) }).Stop()
				if tt.after == 0 {
					cancel(cause)
				}
				start := time.Now()
				res, err := New(f.sink, []Lane{{Source: slowSource{f.sources[0], tt.takes}, Readers: 3}}, f.opt).Run(ctx)
				if tt.after == 0 { // even the record could not be opened
					if !errors.Is(err, cause) || len(f.sources[0].reads) > 0 {
						t.Fatalf("Run: %v after %v", err, f.sources[0].reads)
					}
					return
				}
				if (tt.status == registry.RunAborted) != errors.Is(err, cause) {
					t.Errorf("Run: %v", err)
				}
				if took := time.Since(start); took != tt.end {
					t.Errorf("the run ended after %s, want %s", took, tt.end)
				}
				if res.Summary.OK != tt.done || res.Undone != tt.repos-tt.done || res.Summary.Failed != 0 {
					t.Errorf("%d repos done, %d undone, %d failed; want %d, %d, 0", res.Summary.OK, res.Undone, res.Summary.Failed, tt.done, tt.repos-tt.done)
				}
				if len(f.sink.finished) != 1 || f.sink.finished[0].Status != tt.status || f.sink.closed != 1 {
					t.Errorf("record: %+v", f.sink.finished)
				}
			})
		})
	}
}

// The panic of reading a repo is that repo's; one of the database's code ends the run, whose record is closed.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := newFixture("bad", "good")
	f.opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f.readers = 1
	first := true
	f.sources[0].images = map[string]int{"bad": -1} // makes a slice of that length
	if res := f.mustRun(t); res.Outcome != Partial || res.Summary.Failed != 1 || res.Summary.OK != 1 {
		t.Errorf("result: %+v", res)
	}
	if got := log.String(); !strings.Contains(got, "panic") || !strings.Contains(got, "fakes_test.go") {
		t.Errorf("the log does not tell where it panicked:\n%s", got)
	}

	f = newFixture("good")
	f.step = func() {
		if len(f.sources[0].reads) > 0 && first {
			first = false
			panic("no such column")
		}
	}
	_, err := f.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no such column") {
		t.Errorf("Run: %v", err)
	}
	if len(f.sink.finished) != 1 || f.sink.finished[0].Status != registry.RunFailed {
		t.Errorf("record: %+v", f.sink.finished)
	}
}
