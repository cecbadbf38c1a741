package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Loop calls a job at the moments of a schedule.
type Loop struct {
	Schedule Schedule
	// Job does one run. Its context ends with the loop's, or when the run has taken Timeout; it returns when it has noticed.
	Job func(context.Context)

	CatchUp bool           // begin with a run at once, instead of all that were missed
	Jitter  time.Duration  // each run begins at a random time within this of its moment; 0: at its moment
	Timeout time.Duration  // of one run; 0: none
	Rand    func() float64 // in [0, 1), for Jitter

	Logger   *slog.Logger
	Skipped  func()             // told that a moment was left out as a run was still going, from any goroutine; may be nil
	Panicked func(cause string) // told that a run panicked; may be nil
}

// TimeoutError ends the context of a run that has taken too long.
type TimeoutError struct{ After time.Duration }

func (e TimeoutError) Error() string { return fmt.Sprintf("run took longer than %s", e.After) }

// Run calls the job until the context ends, and returns when the run that was going then has ended.
func (l Loop) Run(ctx context.Context) {
	// One chain for scheduled and extra runs, as its link that lets only one run at a time keeps that in itself. It stands
	// outermost: robfig/cron's loses its token for good when a panic passes it.
	job := cron.NewChain(cron.SkipIfStillRunning(skips{l}), l.survive).Then(cron.FuncJob(func() { l.once(ctx) }))
	c := cron.New(cron.WithLocation(l.Schedule.zone), cron.WithLogger(cron.DiscardLogger))
	c.Schedule(l.Schedule.moments, job)

	var extra sync.WaitGroup
	if l.CatchUp {
		extra.Go(job.Run)
	}
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	extra.Wait()
}

// survive keeps a panic in one run. robfig/cron, whatever its documentation says, recovers nothing by itself.
func (l Loop) survive(job cron.Job) cron.Job {
	return cron.FuncJob(func() {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			l.Logger.Error("run panicked", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			if l.Panicked != nil {
				l.Panicked(fmt.Sprint(cause))
			}
		}()
		job.Run()
	})
}

// once does one run, after its jitter.
func (l Loop) once(ctx context.Context) {
	if l.Jitter > 0 && !wait(ctx, time.Duration(l.Rand()*float64(l.Jitter))) {
		return
	}
	if ctx.Err() != nil {
		return
	}
	if l.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, l.Timeout, TimeoutError{l.Timeout})
		defer cancel()
	}
	l.Job(ctx)
}

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// skips is the logger of cron.SkipIfStillRunning, which has no other way to tell.
type skips struct{ loop Loop }

func (s skips) Info(string, ...any) {
	s.loop.Logger.Warn("moment of the schedule left out, as a run is still going")
	if s.loop.Skipped != nil {
		s.loop.Skipped()
	}
}

func (skips) Error(error, string, ...any) {}
