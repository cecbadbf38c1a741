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

// listing is what the sources say there is to read, lane by lane.
type listing struct {
	repos  [][]registry.Repo
	faults []error // of sources that could not say
}

// list asks every source for its repos.
func (r *Runner) list(ctx context.Context) *listing {
	l := &listing{make([][]registry.Repo, len(r.lanes)), make([]error, len(r.lanes))}
	var asking sync.WaitGroup
	for i, lane := range r.lanes {
		asking.Go(func() {
			l.faults[i] = r.calmly("list repos", func() (err error) {
				l.repos[i], err = lane.Source.Repos(ctx)
				return err
			})
		})
	}
	asking.Wait()
	return l
}

// plan returns, lane by lane, the repos that this run is to read. A source that cannot say counts against the run and does not
// stop the others.
func (r *Runner) plan(ctx context.Context, t *tally, l *listing) ([][]registry.Repo, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	plans, faults := l.repos, l.faults
	for i, err := range faults {
		if err != nil {
			t.sourceFailed(fmt.Errorf("list repos of source %q: %w", r.lanes[i].Source.Name(), err))
			r.opt.Logger.Error("repos of a source cannot be listed", "source", r.lanes[i].Source.Name(), "error", err)
		}
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
func (r *Runner) checkNames(l *listing) error {
	if slices.ContainsFunc(l.faults, func(err error) bool { return err != nil }) {
		return nil
	}
	var errs []error
	for _, name := range slices.Concat(r.opt.Only, r.opt.MassDelete) {
		known := slices.ContainsFunc(slices.Concat(l.repos...), func(repo registry.Repo) bool { return named([]string{name}, repo.Key) })
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
