package fetch

import (
	"cmp"
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
	f.attempts, f.reach = 1, cmp.Or(f.reach, registry.ErrUnavailable)
	return f
}
