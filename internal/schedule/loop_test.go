package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/schedule"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// In a bubble of synctest time begins at 2000-01-01T00:00:00Z.
func sinceStart() time.Duration {
	return time.Since(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC))
}

func TestRunsAtItsMoments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Minute)
		defer cancel()
		var got []time.Duration
		schedule.Loop{
			Schedule: parse(t, "7 * * * *", time.UTC), Logger: silent(), CatchUp: true,
			Job: func(context.Context) { got = append(got, sinceStart()) },
		}.Run(ctx)
		if diff := cmp.Diff([]time.Duration{0, 7 * time.Minute, 67 * time.Minute, 127 * time.Minute}, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}

// What is missed while a run goes on is skipped, also when the run is the one at the start, and the next moment is kept.
func TestNoOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour)
		defer cancel()
		var running int
		var skipped atomic.Int64 // robfig/cron tells of each in a goroutine of its own
		var got []time.Duration
		schedule.Loop{
			Schedule: parse(t, "@hourly", time.UTC), Logger: silent(), CatchUp: true,
			Skipped: func() { skipped.Add(1) },
			Job: func(context.Context) {
				if running++; running > 1 {
					t.Error("two runs at once")
				}
				got = append(got, sinceStart())
				time.Sleep(90 * time.Minute)
				running--
			},
		}.Run(ctx)
		if diff := cmp.Diff([]time.Duration{0, 2 * time.Hour, 4 * time.Hour}, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
		if skipped.Load() != 3 { // at 1, 3 and 5 h
			t.Errorf("%d moments skipped, want 3", skipped.Load())
		}
	})
}

func TestPanicAndHangDoNotStopLaterRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour+time.Minute)
		defer cancel()
		var logs bytes.Buffer
		var causes []string
		runs := 0
		schedule.Loop{
			Schedule: parse(t, "@hourly", time.UTC), Logger: slog.New(slog.NewTextHandler(&logs, nil)), Timeout: 30 * time.Minute,
			Panicked: func(cause string) { causes = append(causes, cause) },
			Job: func(ctx context.Context) {
				switch runs++; runs {
				case 1:
					panic("no such page")
				case 2:
					<-ctx.Done()
					var timeout schedule.TimeoutError
					if !errors.As(context.Cause(ctx), &timeout) || timeout.After != 30*time.Minute {
						t.Errorf("a hanging run ended because of %v", context.Cause(ctx))
					}
				case 3:
					panic(errors.New("of another type"))
				}
			},
		}.Run(ctx)
		if runs != 4 {
			t.Errorf("%d runs, want 4", runs)
		}
		if diff := cmp.Diff([]string{"no such page", "of another type"}, causes); diff != "" {
			t.Errorf("panics (-want +got):\n%s", diff)
		}
		if got := logs.String(); !strings.Contains(got, "no such page") || !strings.Contains(got, "loop_test.go") {
			t.Errorf("the log tells neither the panic nor where it was:\n%s", got)
		}
	})
}

func TestJitterSpreadsRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour+20*time.Minute)
		defer cancel()
		random := []float64{0.5, 0, 0.999}
		var got []time.Duration
		schedule.Loop{
			Schedule: parse(t, "@hourly", time.UTC), Logger: silent(), Jitter: 10 * time.Minute,
			Rand: func() (r float64) { r, random = random[0], random[1:]; return r },
			Job:  func(context.Context) { got = append(got, sinceStart().Round(time.Minute)) },
		}.Run(ctx)
		if diff := cmp.Diff([]time.Duration{65 * time.Minute, 2 * time.Hour, 190 * time.Minute}, got); diff != "" {
			t.Errorf("runs (-want +got):\n%s", diff)
		}
	})
}

// The loop ends when its context does, but not before the run that is going; one that waits for its jitter does not begin.
func TestEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		jitter time.Duration
		ends   time.Duration // the loop, after a minute's rest
		runs   int
	}{
		"idle":    {0, 30 * time.Minute, 0},
		"working": {0, time.Hour + 5*time.Second, 1},
		"waiting": {time.Hour, time.Hour + 5*time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.ends)
				defer cancel()
				runs := 0
				schedule.Loop{
					Schedule: parse(t, "@hourly", time.UTC), Logger: silent(), Jitter: tt.jitter, Rand: func() float64 { return 0.5 },
					Job: func(ctx context.Context) {
						<-ctx.Done()
						time.Sleep(20 * time.Second) // to close its books
						runs++
					},
				}.Run(ctx)
				if runs != tt.runs {
					t.Errorf("%d runs were finished, want %d", runs, tt.runs)
				}
				if want := tt.ends + time.Duration(tt.runs)*20*time.Second; sinceStart() != want {
					t.Errorf("the loop ended after %s, want %s", sinceStart(), want)
				}
			})
		})
	}
}

// 200 moments of runs that end well, panic, hang until their deadline, or take longer than a period. The bubble itself fails
// when a goroutine is left.
func TestSoak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const moments = 200
		ctx, cancel := context.WithTimeout(t.Context(), moments*time.Hour+time.Minute)
		defer cancel()
		random := rand.New(rand.NewPCG(1, 2))
		var running atomic.Int32
		var skipped atomic.Int64
		var begun, panics int
		schedule.Loop{
			Schedule: parse(t, "@hourly", time.UTC), Logger: silent(), Timeout: 100 * time.Minute, Jitter: time.Minute, Rand: random.Float64,
			Skipped:  func() { skipped.Add(1) },
			Panicked: func(string) { panics++ },
			Job: func(ctx context.Context) {
				begun++
				if running.Add(1) > 1 {
					t.Error("two runs at once")
				}
				defer running.Add(-1)
				switch random.IntN(5) {
				case 0:
					panic(fmt.Sprint("run ", begun))
				case 1:
					<-ctx.Done()
				case 2:
					time.Sleep(75 * time.Minute)
				default:
					time.Sleep(5 * time.Minute)
				}
			},
		}.Run(ctx)
		if begun+int(skipped.Load()) != moments {
			t.Errorf("%d runs and %d skipped moments of %d", begun, skipped.Load(), moments)
		}
		if begun < moments/2 || panics < moments/20 || skipped.Load() < moments/20 {
			t.Errorf("of %d runs %d panicked, %d moments were skipped: too few to show anything", begun, panics, skipped.Load())
		}
		t.Logf("%d runs, %d panics, %d skipped", begun, panics, skipped.Load())
	})
}
