package syncer

import (
	"slices"
	"strings"

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

// reads reports whether a plain run would read a repo of that name.
func (p *lanePlan) reads(name string) bool {
	is := func(repo registry.Repo) bool { return named([]string{name}, repo.Key) }
	return slices.ContainsFunc(p.listed, is) || slices.ContainsFunc(p.gaps.Unlisted, is)
}

// knows reports whether a repo of that name was read before.
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

// named reports whether one of names, as NAME, SOURCE/NAME or SOURCE/*, means the repo.
func named(names []string, key registry.RepoKey) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		rest, ok := strings.CutPrefix(name, key.Source+"/")
		return name == key.Name || ok && rest == key.Name || name == key.Source+allOf
	})
}
