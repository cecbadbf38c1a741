package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"syncer/internal/registry"
)

// plan asks every source for its repos and returns, lane by lane, what this run is to do. A source that cannot say counts against
// the run and does not stop the others.
func (r *Runner) plan(ctx context.Context, t *tally) ([]lanePlan, error) {
	plans := make([]lanePlan, len(r.lanes))
	faults := make([]error, len(r.lanes))
	var listing sync.WaitGroup
	for i, lane := range r.lanes {
		plans[i].source = lane.Source.Name()
		listing.Go(func() {
			faults[i] = r.calmly("list repos", func() (err error) {
				plans[i].listed, err = lane.Source.Repos(ctx)
				return err
			})
		})
	}
	listing.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i := range plans {
		p := &plans[i]
		if err := faults[i]; err != nil {
			t.sourceFailed(fmt.Errorf("list repos of source %q: %w", p.source, err))
			r.opt.Logger.Error("repos of a source cannot be listed", "source", p.source, "error", err)
		}
		var err error
		if p.known, err = r.sink.Known(ctx, p.source); err != nil {
			return nil, err
		}
		if faults[i] == nil { // or the list proves nothing of what it lacks
			p.gaps = r.lanes[i].Source.Missing(p.known, p.listed)
			p.whole = len(r.opt.Only) == 0 && r.opt.Kind == registry.RunSync
		}
	}
	if err := r.checkNames(plans, faults); err != nil {
		return nil, err
	}
	for i := range plans {
		r.settle(&plans[i], t)
		plans[i].read = inOrder(r.lanes[i].Source, plans[i].read, plans[i].known)
		t.planned += len(plans[i].read) + len(plans[i].held)
	}
	return plans, nil
}

// settle decides which repos of a source are read, and what becomes of those that nothing names any more.
func (r *Runner) settle(p *lanePlan, t *tally) {
	reading := slices.Concat(p.listed, p.gaps.Unlisted)
	p.read = r.share(reading)
	for _, repo := range reading {
		p.named = append(p.named, repo.Key)
	}
	if len(r.opt.Only) == 0 {
		r.holdForeign(p, t)
	}
}

// checkNames complains of names that no source knows; they are typing errors. A source that could not be listed may hold any.
func (r *Runner) checkNames(plans []lanePlan, faults []error) error {
	if slices.ContainsFunc(faults, func(err error) bool { return err != nil }) {
		return nil
	}
	var errs []error
	for _, name := range r.opt.Only {
		if !slices.ContainsFunc(plans, func(p lanePlan) bool { return p.reads(name) }) {
			errs = append(errs, fmt.Errorf("repo %q: %w", name, ErrUnknownRepo))
		}
	}
	for _, name := range r.opt.MassDelete {
		if !slices.ContainsFunc(plans, func(p lanePlan) bool { return name == p.source+allOf || p.reads(name) || p.knows(name) }) {
			errs = append(errs, fmt.Errorf("repo %q: %w", name, ErrUnknownRepo))
		}
	}
	return errors.Join(errs...)
}
