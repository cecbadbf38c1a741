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

// Run reads every repo that is this process's share, once. The Result tells how it went, also when there is an error: ErrLocked,
// ErrUnknownRepo, the context's cause when it ended with work undone, or what the database said.
func (r *Runner) Run(ctx context.Context) (Result, error) {
	started := r.opt.Now()
	record, err := r.sink.Begin(ctx, NewRun{
		Kind: r.opt.Kind, Version: r.opt.Version, StartedAt: started,
		Shard: fmt.Sprintf("%d/%d", r.opt.Shard, max(r.opt.Shards, 1)),
	})
	if err != nil {
		return Result{}, ended(ctx, err)
	}
	defer record.Close()

	before := r.traffic()
	t := &tally{}
	err = r.work(ctx, record, t)
	if t.done < t.planned || err != nil {
		err = ended(ctx, err)
	}
	res := t.result(record.ID(), r.opt.MaxFailed, err)
	res.StartedAt = started
	res.Summary.FinishedAt = r.opt.Now()
	after := r.traffic()
	res.Summary.Traffic = registry.Traffic{Requests: after.Requests - before.Requests, Retries: after.Retries - before.Retries}
	r.logRun(ctx, res, err)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
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

// errInterrupted marks the error of a run whose context ended with work undone.
var errInterrupted = errors.New("run interrupted")

// ended prefers the reason why the context ended to the error that its end caused somewhere below.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errInterrupted, context.Cause(ctx))
	}
	return err
}

// work plans, reads and applies. It returns when every goroutine it started has ended.
func (r *Runner) work(ctx context.Context, record Record, t *tally) error {
	plans, err := r.plan(ctx, t)
	if err != nil {
		return err
	}
	r.opt.Progress(0, t.planned)
	q := newQueue()
	group, ctx := errgroup.WithContext(ctx)
	var reading sync.WaitGroup
	for i, lane := range r.lanes {
		if len(plans[i]) == 0 {
			continue
		}
		reading.Add(1)
		group.Go(func() error {
			defer reading.Done()
			return r.newLane(lane, record, q).read(ctx, plans[i])
		})
	}
	group.Go(func() error { return r.collect(ctx, record, q, t) })
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
