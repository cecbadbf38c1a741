package syncer

import (
	"errors"
	"fmt"
	"slices"

	"syncer/internal/registry"
)

// Repos of a source that would leave at once, more than both of these or all that are known, are not believed to have left: the
// project is another, or the account, or the registry is ill.
const (
	massLeaveMin     = 2
	massLeavePercent = 15
)

func tooMany(leaving, known int) bool {
	return leaving > 0 && (leaving >= known || leaving > max(massLeaveMin, known*massLeavePercent/100))
}

// holdForeign holds back known repos of projects that are not configured any more, when they are too many at once. They are not
// read, and not forgotten either.
func (r *Runner) holdForeign(p *lanePlan, t *tally) {
	foreign, unlisted := r.unreleased(p.gaps.Foreign), r.unreleased(p.gaps.Unlisted)
	p.empty = p.gaps.Empty && len(foreign)+len(unlisted) > 0
	if p.empty {
		t.sourceHeld(r.opt.Logger, p.source, fmt.Sprintf("its list of repos is empty although %d are known", p.configured()))
	}
	if len(foreign) == 0 || !p.empty && !tooMany(len(foreign), p.configured()) {
		return
	}
	why := fmt.Sprintf("%d of its %d known repos are of projects that are not configured any more, such as %q", len(foreign), p.configured(), foreign[0].ProjectID)
	t.sourceHeld(r.opt.Logger, p.source, why)
	now := r.opt.Now()
	for _, repo := range r.share(foreign) {
		p.held = append(p.held, item{result: registry.RepoSync{
			Repo: repo, Status: registry.RepoHeld, StartedAt: now, FinishedAt: now, TotalCount: -1, Error: heldText(p.source, why),
		}})
	}
	for _, repo := range foreign {
		p.named = append(p.named, repo.Key)
	}
}

// unreleased are the repos of which nobody has said that they are really gone.
func (r *Runner) unreleased(repos []registry.Repo) []registry.Repo {
	return slices.DeleteFunc(slices.Clone(repos), func(repo registry.Repo) bool { return named(r.opt.MassDelete, repo.Key) })
}

// judge decides whether the repos of a source that a complete listing does not hold may count as gone. It is asked once, when
// all repos were read. Repos that another shard, or a run before, did not find, and that no look has seen since, count too. A list
// that is empty is doubted in any case.
func (r *Runner) judge(p *lanePlan, gone []item, seen map[registry.RepoKey]bool, t *tally) {
	found := make(map[registry.RepoKey]*item, len(gone))
	for i := range gone {
		s := &gone[i].result
		s.Released = named(r.opt.MassDelete, s.Repo.Key)
		found[s.Repo.Key] = &gone[i]
	}
	var doubted []*registry.RepoSync // known repos that are not listed now
	leaving, nothing := 0, p.empty
	for _, k := range p.known {
		it := found[k.Key]
		switch {
		case it == nil && k.Absent && !k.Unconfigured && !seen[k.Key]:
			leaving++
		case it != nil && !it.result.Released:
			leaving++
			doubted = append(doubted, &it.result)
			nothing = nothing || errors.Is(it.cause, registry.ErrNothingListed)
		}
	}
	if len(doubted) == 0 || !nothing && !tooMany(leaving, p.configured()) {
		return
	}
	why := fmt.Sprintf("%d of its %d known repos would leave at once", leaving, p.configured())
	if nothing {
		why += ", and its list of repos is empty"
	}
	for _, s := range doubted {
		s.Status, s.Error = registry.RepoHeld, heldText(p.source, why)
	}
	t.sourceHeld(r.opt.Logger, p.source, why)
}
