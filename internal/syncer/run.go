package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"syncer/internal/registry"
)

// closeTimeout bounds closing the record after the run's own context has ended. A container is killed half a minute after it
// was asked to end.
const closeTimeout = 10 * time.Second

// closeShare is the part of the grace time that is kept for closing the record.
const closeShare = 5

// Run reads every repo that is this process's share, once. When the context ends, no more repos are taken, and those that are
// being read have Options.Grace to be finished. The Result tells how it went, also when there is an error: ErrLocked,
// ErrUnknownRepo, the context's cause when it ended with work undone, or what the database said.
func (r *Runner) Run(ctx context.Context) (Result, error) {
	started := r.opt.Now()
	before := r.traffic()
	t := &tally{}
	plans, planErr := r.plan(ctx, t)
	if errors.Is(planErr, ErrUnknownRepo) { // a typing error is no run
		return Result{}, planErr
	}
	record, err := r.begin(ctx, started)
	if err != nil {
		return Result{}, ended(ctx, err)
	}
	defer record.Close()

	if err = planErr; err == nil {
		err = r.work(ctx, record, plans, t)
	}
	if t.done < t.planned || err != nil {
		err = ended(ctx, err)
	}
	res := t.result(record.ID(), r.opt.MaxFailed, err)
	res.StartedAt, res.Warnings = started, r.clockWarnings()
	res.Summary.FinishedAt = r.opt.Now()
	after := r.traffic()
	res.Summary.Traffic = registry.Traffic{Requests: after.Requests - before.Requests, Retries: after.Retries - before.Retries}
	r.logRun(ctx, res, err)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.closeTimeout(ctx))
	defer cancel()
	if finishErr := record.Finish(closing, res.Summary); finishErr != nil {
		if err != nil { // which is the reason; a record that stays open is marked by the next run
			r.opt.Logger.WarnContext(ctx, "record of the run cannot be closed", "run_id", res.RunID, "error", finishErr)
			return res, err
		}
		return res, finishErr
	}
	return res, err
}

// begin opens the record, also of a run that is stopped meanwhile, or was while it made its plan.
func (r *Runner) begin(ctx context.Context, started time.Time) (Record, error) {
	beginning, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(r.closeTimeout(ctx), cancel) })()
	return r.sink.Begin(beginning, NewRun{
		Kind: r.opt.Kind, Version: r.opt.Version, StartedAt: started,
		Shard: fmt.Sprintf("%d/%d", r.opt.Shard, max(r.opt.Shards, 1)),
	})
}

func (r *Runner) closeTimeout(ctx context.Context) time.Duration {
	if ctx.Err() != nil && r.opt.Grace > 0 {
		return min(closeTimeout, r.opt.Grace/closeShare)
	}
	return closeTimeout
}

// outlast is a context that ends for the same cause as the given one, but later by the grace time.
func (r *Runner) outlast(ctx context.Context) (longer context.Context, stop func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stopWaiting := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(r.opt.Grace - r.opt.Grace/closeShare)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-longer.Done():
		}
	})
	return longer, func() {
		stopWaiting()
		cancel(nil)
	}
}

// errInterrupted marks the error of a run whose context ended with work undone.
var errInterrupted = errors.New("run interrupted")

// ended prefers the reason why the context ended to the error that its end caused somewhere below.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
	}
	return err
}

// work reads and applies. It returns when every goroutine it started has ended.
func (r *Runner) work(ctx context.Context, record Record, plans []lanePlan, t *tally) error {
	r.opt.Progress(0, t.planned)
	q := newQueue()
	working, stop := r.outlast(ctx)
	defer stop()
	group, working := errgroup.WithContext(working)
	var reading sync.WaitGroup
	for i, lane := range r.lanes {
		if len(plans[i].read) == 0 {
			continue
		}
		reading.Add(1)
		group.Go(func() error {
			defer reading.Done()
			return (&laneRun{Runner: r, Lane: lane, record: record, queue: q, enough: ctx.Done()}).read(working, plans[i].read)
		})
	}
	group.Go(func() error {
		return r.calmly("write repos", func() error { return r.collect(working, record, plans, q, t) })
	})
	group.Go(func() error {
		reading.Wait()
		q.close()
		return nil
	})
	return group.Wait()
}

// traffic sums over the sources.
func (r *Runner) traffic() (sum registry.Traffic) {
	for _, lane := range r.lanes {
		t := lane.Source.Traffic()
		sum.Requests += t.Requests
		sum.Retries += t.Retries
	}
	return sum
}
