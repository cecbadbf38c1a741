package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"syncer/internal/registry"
	"syncer/internal/walk"
)

// Kinds of repos that GetRepo lists. Its default is public, so a call that names none does not list an account's own.
const (
	kindPrivate = "private"
	kindPublic  = "public"
)

// Repos begins a round: what stopped the source in the round before is forgotten. It returns the configured and the discovered
// repos, each once, by name. When a project's repos cannot be listed, or a list of them cannot be understood in full, the repos that are
// known all the same are returned together with the error.
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

// Missing says which known repos are not among those that Repos listed. Unlisted ones are worth reading: that reports whether a
// repo only moved to the list of the other kind, or is gone. Where nothing is discovered, and where globs leave a repo out, its
// absence is what was asked for.
func (s *Source) Missing(known []registry.KnownRepo, listed []registry.Repo) (d registry.Departures) {
	there := make(map[string]bool, len(listed))
	for _, repo := range listed {
		there[repo.Key.Name] = true
	}
	for _, k := range known {
		if there[k.Key.Name] {
			continue
		}
		// A project without a name is the account's default one, which may be any of those with a name.
		ours := func(p Project) bool { return p.ID == k.ProjectID || p.ID == "" || k.ProjectID == "" }
		switch {
		case slices.ContainsFunc(s.opts.Projects, func(p Project) bool { return p.discovers() && ours(p) && matches(p, k.Key.Name) }):
			d.Unlisted = append(d.Unlisted, k.Repo)
		case !k.Unconfigured && s.discovers() && !slices.ContainsFunc(s.opts.Projects, ours):
			d.Foreign = append(d.Foreign, k.Repo)
		}
	}
	d.Empty = s.discovers() && len(listed) == 0
	return d
}

func (s *Source) discovers() bool { return slices.ContainsFunc(s.opts.Projects, Project.discovers) }

// discovers reports whether repos of the project are found by asking the registry.
func (p Project) discovers() bool { return len(p.kinds()) > 0 }

// kinds are the lists that the project's repos are found in.
func (p Project) kinds() []string {
	switch p.Discover {
	case DiscoverPrivate:
		return []string{kindPrivate}
	case DiscoverPublic:
		return []string{kindPublic}
	case DiscoverAll:
		return []string{kindPrivate, kindPublic}
	default:
		return nil
	}
}

// discover lists the repos of a project that its globs let through. What is wrong with one list does not keep the other from
// being read, and what it does say is taken.
func (s *Source) discover(ctx context.Context, p Project) (names []string, err error) {
	var faults []error
	for _, kind := range p.kinds() {
		v, err := s.list(ctx, p.ID, kind)
		switch {
		case ctx.Err() != nil || unavailable(err):
			return names, errors.Join(append(faults, err)...)
		case err == nil:
			err = understood(v)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("list of %s repos: %w", kind, err))
		}
		for _, image := range v.Images {
			if matches(p, image.Name) {
				names = append(names, image.Name)
			}
		}
	}
	return names, errors.Join(faults...)
}

// namedRows is how many rows that cannot be used an error names.
const namedRows = 3

// understood tells what is wrong with a list of repos: it proves that a repo is not there only when each of its rows could be
// used, and it was read completely.
func understood(v walk.Result) error {
	if n := v.RejectedTotal; n > 0 {
		var rows []string
		for _, r := range v.Rejected[:min(len(v.Rejected), namedRows)] {
			rows = append(rows, fmt.Sprintf("%q: %s", r.Image, r.Reason))
		}
		if n > namedRows {
			rows = append(rows, "...")
		}
		return fmt.Errorf("it has rows that cannot be used (%s); %s", strings.Join(rows, "; "), shares(v))
	}
	if len(v.Images) == 0 && v.Total < 0 {
		return errors.New("it holds neither repos nor a TotalCount that says there are none")
	}
	if v.Unread != nil {
		return fmt.Errorf("%w; %s", v.Unread, shares(v))
	}
	if v.Evidence != registry.Complete {
		return fmt.Errorf("it kept moving during each of %d walks; %s", v.Walks, shares(v))
	}
	return nil
}

// shares tells how much of a list was understood.
func shares(v walk.Result) string {
	if v.Total < 0 {
		return fmt.Sprintf("%d repos were read, and some may be left out", len(v.Images))
	}
	return fmt.Sprintf("%d repos were read of %d", len(v.Images), v.Total)
}

// matches reports whether a discovered repo is wanted. New has checked the globs.
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
	reading chan struct{} // has a token while one reads it for all
	began   int64
	names   map[string]bool // nil: there is none
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
		l = &listing{reading: make(chan struct{}, 1)}
		s.listings.byProject[repo.ProjectID] = l
	}
	s.listings.Unlock()

	select { // one listing serves all repos that were refused before it began
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return refusal
	}
	if l.names == nil || l.began < f.seq {
		began := s.events.Add(1)
		names := map[string]bool{}
		for _, kind := range []string{kindPrivate, kindPublic} {
			v, err := s.list(ctx, repo.ProjectID, kind)
			if err == nil {
				err = understood(v)
			}
			if err != nil {
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
	if len(l.names) == 0 {
		return fmt.Errorf("%w (%w): %w", registry.ErrRepoGone, registry.ErrNothingListed, refusal)
	}
	return fmt.Errorf("%w: %w", registry.ErrRepoGone, refusal)
}

// begin begins a round: what stopped the source and what its server was seen to do in the round before is forgotten.
func (s *Source) begin() {
	s.health.reset()
	for _, h := range s.habits {
		h.Reset()
	}
}
