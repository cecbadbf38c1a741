package syncer

import (
	"slices"
	"time"

	"syncer/internal/registry"
)

// inOrder sorts what is to be read of a source: first what was not read completely for longest, and of that first what never was,
// so that no repo can keep others from being read for ever. It also tells the source whom to ask when it is in doubt.
func inOrder(source Source, plan []registry.Repo, known []registry.KnownRepo) []registry.Repo {
	last := make(map[registry.RepoKey]time.Time, len(known))
	var good []registry.Repo
	for i := range known {
		repo := &known[i]
		last[repo.Key] = repo.LastComplete
		if !repo.LastComplete.IsZero() {
			good = append(good, repo.Repo)
		}
	}
	plan = slices.Clone(plan)
	slices.SortStableFunc(plan, func(a, b registry.Repo) int { return last[a.Key].Compare(last[b.Key]) })
	source.Witnesses(good, plan)
	return plan
}
