package fetch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"syncer/internal/registry"
)

// Check makes the cheapest calls that prove address and credentials, each project, and each repo that is named. Its error joins
// one for each that fails. ClockSkew knows more afterwards.
func (s *Source) Check(ctx context.Context) error {
	s.health.reset()
	var tries []request
	for _, p := range s.opts.Projects {
		if len(p.Repos) == 0 { // an account may read images without being allowed to list repos
			tries = append(tries, request{action: actionRepos, project: p.ID, kind: kindPrivate, limit: 1})
		}
		for _, name := range p.Repos {
			tries = append(tries, request{action: actionImages, project: p.ID, repo: name, limit: 1})
		}
	}
	errs := make([]error, len(tries))
	if len(tries) > 0 { // the first alone: when it tells that all will fail, nothing else is sent
		errs[0] = s.try(ctx, tries[0])
		if unavailable(errs[0]) || errors.Is(errs[0], registry.ErrRefused) {
			return errs[0]
		}
	}
	var g errgroup.Group
	g.SetLimit(s.opts.Concurrency)
	for i := 1; i < len(tries); i++ {
		g.Go(func() error {
			if ctx.Err() == nil {
				errs[i] = s.try(ctx, tries[i])
			}
			return nil
		})
	}
	_ = g.Wait() // each error has its place
	return errors.Join(errs...)
}

func (s *Source) try(ctx context.Context, r request) error {
	if _, err := s.call(ctx, r); err != nil {
		if r.repo != "" {
			return fmt.Errorf("check repo %q of source %q: %w", r.repo, s.opts.Name, err)
		}
		return fmt.Errorf("check source %q: %w", s.opts.Name, err)
	}
	return nil
}
