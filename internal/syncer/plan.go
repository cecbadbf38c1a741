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

// lanePlan is what a run is to do about one source.
type lanePlan struct {
	source string
	read   []registry.Repo      // this process's share of the repos
	held   []item               // repos that are not read, as they would leave with too many others
	known  []registry.KnownRepo // those of all shards, as they were when the run began
	named  []registry.RepoKey   // all that configuration and discovery name, and what is held
	whole  bool                 // named is all there is: the lists were complete, and the run is not for some repos only
	empty  bool                 // discovery brought nothing although repos are known
	listed []registry.Repo      // what the source said
	gaps   registry.Departures  // known repos that it did not name
}

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

// reads tells whether a plain run would read a repo of that name.
func (p *lanePlan) reads(name string) bool {
	is := func(repo registry.Repo) bool { return named([]string{name}, repo.Key) }
	return slices.ContainsFunc(p.listed, is) || slices.ContainsFunc(p.gaps.Unlisted, is)
}

// knows tells whether a repo of that name was read before.
func (p *lanePlan) knows(name string) bool {
	return slices.ContainsFunc(p.known, func(k registry.KnownRepo) bool { return named([]string{name}, k.Key) })
}

// configured is how many of the known repos runs are meant to read, or were so far.
func (p *lanePlan) configured() (n int) {
	now := make(map[registry.RepoKey]bool, len(p.named))
	for _, key := range p.named {
		now[key] = true
	}
	for _, k := range p.known {
		if !k.Unconfigured || now[k.Key] {
			n++
		}
	}
	return n
}

// allOf after the name of a source means all of its repos.
const allOf = "/*"

// named tells whether one of names, as NAME, SOURCE/NAME or SOURCE/*, means the repo.
func named(names []string, key registry.RepoKey) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		rest, ok := strings.CutPrefix(name, key.Source+"/")
		return name == key.Name || ok && rest == key.Name || name == key.Source+allOf
	})
}
