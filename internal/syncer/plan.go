package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"syncer/internal/registry"
)

// plan asks every source for its repos and returns, lane by lane, those that this run is to read. A source that cannot say
// counts against the run and does not stop the others.
func (r *Runner) plan(ctx context.Context, t *tally) ([][]registry.Repo, error) {
	plans := make([][]registry.Repo, len(r.lanes))
	faults := make([]error, len(r.lanes))
	var listing sync.WaitGroup
	for i, lane := range r.lanes {
		listing.Go(func() {
			faults[i] = r.calmly("list repos", func() (err error) {
				plans[i], err = lane.Source.Repos(ctx)
				return err
			})
		})
	}
	listing.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i, err := range faults {
		if err != nil {
			t.sourceFailed(fmt.Errorf("list repos of source %q: %w", r.lanes[i].Source.Name(), err))
			r.opt.Logger.Error("repos of a source cannot be listed", "source", r.lanes[i].Source.Name(), "error", err)
		}
	}
	if err := r.checkNames(plans, faults); err != nil {
		return nil, err
	}
	for i := range plans {
		if faults[i] == nil {
			known, err := r.sink.Known(ctx, r.lanes[i].Source.Name())
			if err != nil {
				return nil, err
			}
			plans[i] = append(plans[i], r.lanes[i].Source.Unlisted(known, plans[i])...)
		}
		plans[i] = r.share(plans[i])
		t.planned += len(plans[i])
	}
	return plans, nil
}

// share keeps the repos that are asked for and belong to this process's shard, each once.
func (r *Runner) share(repos []registry.Repo) []registry.Repo {
	seen := make(map[registry.RepoKey]bool, len(repos))
	return slices.DeleteFunc(slices.Clone(repos), func(repo registry.Repo) bool {
		again := seen[repo.Key]
		seen[repo.Key] = true
		wanted := len(r.opt.Only) == 0 || named(r.opt.Only, repo.Key)
		return again || !wanted || repo.Key.Shard(r.opt.Shards) != r.opt.Shard
	})
}

// checkNames complains of names that no source knows; they are typing errors. A source that could not be listed may hold any.
func (r *Runner) checkNames(plans [][]registry.Repo, faults []error) error {
	if slices.ContainsFunc(faults, func(err error) bool { return err != nil }) {
		return nil
	}
	var errs []error
	for _, name := range slices.Concat(r.opt.Only, r.opt.MassDelete) {
		known := slices.ContainsFunc(slices.Concat(plans...), func(repo registry.Repo) bool { return named([]string{name}, repo.Key) })
		if !known {
			errs = append(errs, fmt.Errorf("repo %q: %w", name, ErrUnknownRepo))
		}
	}
	return errors.Join(errs...)
}

// named tells whether one of names, as NAME or SOURCE/NAME, means the repo.
func named(names []string, key registry.RepoKey) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		rest, ok := strings.CutPrefix(name, key.Source+"/")
		return name == key.Name || ok && rest == key.Name
	})
}
