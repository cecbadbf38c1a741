package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"syncer/internal/registry"
	"syncer/internal/walk"
)

// Kinds of repos that GetRepo lists. Its default is public, so a call that names none does not list an account's own.
const (
	kindPrivate = "private"
	kindPublic  = "public"
)

// Repos begins a round: what stopped the source in the round before is forgotten. It returns the configured and the discovered
// repos, each once, by name. When a project's repos cannot be listed, the repos of the others are returned together with the error.
func (s *Source) Repos(ctx context.Context) ([]registry.Repo, error) {
	s.begin()
	found := map[string]registry.Repo{}
	add := func(project, name string) {
		if _, ok := found[name]; !ok { // names are unique across projects: the first that knows it will do
			found[name] = registry.Repo{Key: registry.RepoKey{Source: s.opts.Name, Name: name}, ProjectID: project}
		}
	}
	for _, p := range s.opts.Projects {
		for _, name := range p.Repos {
			add(p.ID, name)
		}
	}
	var errs []error
	for _, p := range s.opts.Projects {
		names, err := s.discover(ctx, p)
		for _, name := range names {
			add(p.ID, name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("discover repos of project %q: %w", p.ID, err))
		}
		if ctx.Err() != nil || unavailable(err) {
			break
		}
	}
	repos := make([]registry.Repo, 0, len(found))
	for _, repo := range found {
		repos = append(repos, repo)
	}
	slices.SortFunc(repos, func(a, b registry.Repo) int { return cmp.Compare(a.Key.Name, b.Key.Name) })
	return repos, errors.Join(errs...)
}

// Unlisted picks from known repos those that discovery would have listed if they were still there as they were. Reading one
// tells whether it only moved to the list of the other kind, or is gone.
func (s *Source) Unlisted(known, listed []registry.Repo) []registry.Repo {
	there := make(map[string]bool, len(listed))
	for _, repo := range listed {
		there[repo.Key.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(known), func(repo registry.Repo) bool {
		return there[repo.Key.Name] || !slices.ContainsFunc(s.opts.Projects, func(p Project) bool {
			discovers := p.Discover == DiscoverPrivate || p.Discover == DiscoverPublic || p.Discover == DiscoverAll
			return discovers && p.ID == repo.ProjectID && matches(p, repo.Key.Name)
		})
	})
}

// discover lists the repos of a project that its globs let through.
func (s *Source) discover(ctx context.Context, p Project) ([]string, error) {
	var kinds []string
	switch p.Discover {
	case DiscoverPrivate:
		kinds = []string{kindPrivate}
	case DiscoverPublic:
		kinds = []string{kindPublic}
	case DiscoverAll:
		kinds = []string{kindPrivate, kindPublic}
	}
	var names []string
	for _, kind := range kinds {
		v, err := s.list(ctx, p.ID, kind)
		if err != nil {
			return names, err
		}
		if v.Evidence != registry.Complete {
			s.opts.Logger.WarnContext(ctx, "list of repos kept moving, some may be missing", "source", s.opts.Name, "project", p.ID, "type", kind)
		}
		for _, image := range v.Images {
			if matches(p, image.Name) {
				names = append(names, image.Name)
			}
		}
	}
	return names, nil
}

// matches tells whether a discovered repo is wanted. New has checked the globs.
func matches(p Project, name string) bool {
	hit := func(glob string) bool { ok, err := path.Match(glob, name); return ok && err == nil }
	return (len(p.Include) == 0 || slices.ContainsFunc(p.Include, hit)) && !slices.ContainsFunc(p.Exclude, hit)
}

// list reads all pages of GetRepo. The list of repos moves like a list of images, so it is walked like one.
func (s *Source) list(ctx context.Context, project, kind string) (walk.Result, error) {
	l := &lister{source: s, request: request{action: actionRepos, project: project, kind: kind}}
	return l.read(ctx)
}

// listing is a project's complete list of repos, private and public, and when its reading began.
type listing struct {
	sync.Mutex
	began int64
	names map[string]bool // nil: there is none
}

// confirmGone looks a repo up whose own call was refused. Only a complete list that was read after the refusal and does not
// hold the repo makes it gone; whatever goes wrong on the way leaves it a repo that could not be read.
func (s *Source) confirmGone(ctx context.Context, repo registry.Repo, refusal error) error {
	var f *failure
	if !errors.As(refusal, &f) {
		return refusal
	}
	s.listings.Lock()
	l, ok := s.listings.byProject[repo.ProjectID]
	if !ok {
		l = &listing{}
		s.listings.byProject[repo.ProjectID] = l
	}
	s.listings.Unlock()

	l.Lock() // one listing serves all repos that were refused before it began
	defer l.Unlock()
	if l.names == nil || l.began < f.seq {
		began := s.events.Add(1)
		names := map[string]bool{}
		for _, kind := range []string{kindPrivate, kindPublic} {
			v, err := s.list(ctx, repo.ProjectID, kind)
			if err != nil || v.Evidence != registry.Complete {
				s.opts.Logger.DebugContext(ctx, "repo could not be looked up", "source", s.opts.Name, "repo", repo.Key.Name, "error", err)
				return refusal
			}
			for _, image := range v.Images {
				names[image.Name] = true
			}
		}
		l.began, l.names = began, names
	}
	if l.names[repo.Key.Name] {
		return refusal
	}
	return fmt.Errorf("%w: %w", registry.ErrRepoGone, refusal)
}

// Check makes the cheapest call that proves address, credentials and project, once for each project. ClockSkew knows more afterwards.
func (s *Source) Check(ctx context.Context) error {
	s.begin()
	var errs []error
	for _, p := range s.opts.Projects {
		r := request{action: actionRepos, project: p.ID, kind: kindPrivate, limit: 1}
		if len(p.Repos) > 0 { // an account may read images without being allowed to list repos
			r = request{action: actionImages, project: p.ID, repo: p.Repos[0], limit: 1}
		}
		if _, err := s.call(ctx, r); err != nil {
			errs = append(errs, fmt.Errorf("check source %q: %w", s.opts.Name, err))
			if ctx.Err() != nil || unavailable(err) {
				break
			}
		}
	}
	return errors.Join(errs...)
}
