package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"syncer/internal/registry"
)

// How many witnesses are asked before a source counts as down. All of them must fail.
const (
	// goodWitnesses are enough when they answered before: the last ones of this round, and some of the earlier ones, which lie apart
	// since neighbours may share what is wrong with them.
	goodWitnesses = 5
	lastWitnesses = 2
	// anyWitnesses are asked when it is not known that they ever answered: some of them may be as broken as the repo in question.
	anyWitnesses = 8
)

// judge finds out how far a failure reaches, by evidence that no single repo can give: the source is down, or refuses, when others
// fail as well, those first that answered before. Each is asked once, for one row; the first that answers acquits the source. The
// failure's reach is nil afterwards when it is the repo's alone. The error is the failure, or the context's.
func (s *Source) judge(ctx context.Context, r request, f *failure, before int64) error {
	select {
	case s.health.judging <- struct{}{}:
		defer func() { <-s.health.judging }()
	case <-ctx.Done():
		return fmt.Errorf("%s of %q: %w", r.action, r.repo, context.Cause(ctx))
	}
	if s.health.known(r, f, before) {
		return f
	}
	asked := s.health.candidates(r, f)
	reasons := []*failure{f}
	for _, other := range asked {
		g := s.question(ctx, other, f.class)
		if ctx.Err() != nil {
			return fmt.Errorf("%s of %q: %w", r.action, r.repo, context.Cause(ctx))
		}
		if g == nil {
			s.health.known(r, f, before)
			return f
		}
		reasons = append(reasons, g)
	}
	s.sentence(r, f, reasons)
	return f
}

// sentence stops what nobody who was asked could acquit.
func (s *Source) sentence(r request, f *failure, reasons []*failure) {
	why := f
	if asked := reasons[1:]; len(asked) > 0 {
		if !slices.ContainsFunc(asked, func(g *failure) bool { return errors.Is(g, f.reach) }) {
			why = asked[0] // a repo that is refused has met a registry that went down
		}
		why.others = len(asked)
	}
	switch {
	case f.class == classProject:
		if f.reach = nil; why == f {
			f.reach = registry.ErrProjectRefused
			s.health.stopProject(r, f)
		}
	case len(reasons) > 1 && reasons[1].action == actionImages, s.health.unheard():
		s.health.stop(why)
		f.stops = true
	}
}

// question asks a witness. Nil is any answer that shows that the source lives.
func (s *Source) question(ctx context.Context, r request, about class) *failure {
	r.limit = 1
	_, epoch, cred, f := s.attempt(ctx, r)
	switch {
	case ctx.Err() != nil:
		return f
	case f == nil:
		s.succeeded(r, cred)
		return nil
	case f.class == classThrottle:
		s.pace.throttled(epoch, f.retryAfter)
	case f.class == classRepo, f.class == classUnknown, f.class == classProject && about != classProject:
		f.attempts = 1
		s.health.answered(r, f)
		return nil
	}
	f.attempts, f.reach = 1, def(f.reach, registry.ErrUnavailable)
	return f
}

// target is a repo and the project it is asked for in.
type target struct{ project, repo string }

func targets(repos []registry.Repo) []target {
	list := make([]target, len(repos))
	for i, repo := range repos {
		list[i] = target{repo.ProjectID, repo.Key.Name}
	}
	return list
}

// witnesses are the repos that can be asked whether the source answers at all.
type witnesses struct {
	recent []target        // that answered this process, the last first
	good   []target        // that answered others before, the last first
	others []target        // of which nothing is known
	failed map[target]bool // that failed in this round
}

// answered notes who gave what was asked for.
func (w *witnesses) answered(r request) {
	t := target{r.project, r.repo}
	if r.action != actionImages || len(w.recent) > 0 && w.recent[0] == t {
		return
	}
	delete(w.failed, t)
	w.recent = slices.DeleteFunc(w.recent, func(other target) bool { return other == t })
	w.recent = slices.Insert(w.recent[:min(len(w.recent), lastWitnesses)], 0, t)
}

// fell notes who is no witness for this round.
func (w *witnesses) fell(r request) {
	if r.action == actionImages {
		w.failed[target{r.project, r.repo}] = true
	}
}

// of picks who is to be asked about a failure. Where there is no other repo, the list of repos is asked for.
func (w *witnesses) of(r request, f *failure) []request {
	if f.class == classProject && r.repo == "" {
		return nil // nobody else can tell
	}
	var list []request
	seen := map[target]bool{{r.project, r.repo}: true}
	add := func(all []target, most int) {
		for _, t := range all {
			if len(list) >= most {
				return
			}
			if !seen[t] && !w.failed[t] && (f.class != classProject || t.project == r.project) {
				seen[t] = true
				list = append(list, request{action: actionImages, project: t.project, repo: t.repo})
			}
		}
	}
	add(w.recent, lastWitnesses)
	add(spread(w.good, goodWitnesses-len(list)), goodWitnesses)
	add(w.good, goodWitnesses)
	if len(list) < goodWitnesses {
		add(spread(w.others, anyWitnesses), anyWitnesses)
		add(w.others, anyWitnesses)
	}
	if len(list) == 0 && r.action == actionImages && f.class != classProject {
		list = append(list, request{action: actionRepos, project: r.project, kind: kindPrivate})
	}
	return list
}

// spread picks n of a list, evenly.
func spread(all []target, n int) []target {
	if len(all) <= n {
		return all
	}
	list := make([]target, n)
	for i := range n {
		list[i] = all[(i+1)*len(all)/(n+1)]
	}
	return list
}
