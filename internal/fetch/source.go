// Package fetch reads a container registry of the UCloud family through its HTTP API: it signs, sends, classifies, retries
// and limits requests, and finds out which repos there are. Package wire decodes the answers, package walk reads lists page by page.
package fetch

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"syncer/internal/registry"
	"syncer/internal/walk"
	"syncer/internal/wire"
)

// Source reads one registry account. All of its limits are shared by all repos that are read at the same time.
type Source struct {
	opts    Options
	client  *http.Client
	decoder wire.Decoder
	pace    *pace
	health  *health
	keys    *keys
	habits  map[string]*walk.Habits // by action: none vouches for another

	requests, retries atomic.Int64
	events            atomic.Int64 // numbers failures and listings in the order they happen
	skew              atomic.Pointer[time.Duration]
	listings          struct {
		sync.Mutex
		byProject map[string]*listing
	}
}

// New checks the options and makes a source. It sends nothing.
func New(opts Options) (*Source, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Source{
		opts:    opts,
		decoder: wire.Decoder{Zone: opts.Zone},
		pace:    newPace(opts.Concurrency, opts.RateLimit/float64(opts.Shards)),
		health:  newHealth(opts.RetryBudget, opts.Projects),
		keys:    newKeys(opts.Credentials, opts.Refresh),
		habits: map[string]*walk.Habits{
			actionImages: walk.NewHabits(opts.PageSize),
			actionRepos:  walk.NewHabits(opts.PageSize),
		},
		client: &http.Client{
			Transport: opts.Transport,
			// A redirect would take the signature to whoever is named in it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.listings.byProject = map[string]*listing{}
	return s, nil
}

// Name is the name the source is configured under.
func (s *Source) Name() string { return s.opts.Name }

// Traffic counts what was sent since New.
func (s *Source) Traffic() registry.Traffic {
	return registry.Traffic{Requests: s.requests.Load(), Retries: s.retries.Load()}
}

// Read walks one repo's list of images. An error wraps registry.ErrRefused, ErrProjectRefused or ErrUnavailable when it
// reaches beyond the repo, registry.ErrRepoGone when a complete listing does not hold the repo any more, and else concerns
// this repo alone.
func (s *Source) Read(ctx context.Context, repo registry.Repo) (registry.Snapshot, error) {
	started := s.opts.Now()
	l := &lister{source: s, request: request{action: actionImages, project: repo.ProjectID, repo: repo.Key.Name}}
	v, err := l.read(ctx)
	if refusedCall(err) {
		err = s.confirmGone(ctx, repo, err)
	}
	if err != nil {
		return registry.Snapshot{}, fmt.Errorf("read repo %q: %w", repo.Key, err)
	}
	snap := registry.Snapshot{
		Repo:          repo,
		StartedAt:     started,
		FinishedAt:    l.last,
		Images:        v.Images,
		Evidence:      v.Evidence,
		Walks:         v.Walks,
		Pages:         v.Pages,
		Seams:         v.Broken,
		Duplicates:    v.Duplicates,
		TotalCount:    v.Total,
		Rejected:      v.Rejected,
		RejectedTotal: v.RejectedTotal,
		Nameless:      v.Nameless,
	}
	if v.Unread != nil {
		snap.Unread = v.Unread.Error()
	}
	s.report(ctx, snap, l.foreign)
	return snap, nil
}

// report logs what somebody who looks into a repo would want to know.
func (s *Source) report(ctx context.Context, snap registry.Snapshot, foreign string) {
	log := s.opts.Logger.With("source", s.opts.Name, "repo", snap.Repo.Key.Name)
	if foreign != "" {
		log.WarnContext(ctx, "rows name another repo than was asked for", "other", wire.Shorten(foreign, 80))
	}
	if n := snap.RejectedTotal; n > 0 {
		first := snap.Rejected[0]
		log.WarnContext(ctx, "rows could not be used in full", "rows", n, "image", first.Image, "reason", first.Reason)
	}
	log.DebugContext(ctx, "repo read", "images", len(snap.Images), "walks", snap.Walks, "pages", snap.Pages, "seams", snap.Seams,
		"duplicates", snap.Duplicates, "total_count", snap.TotalCount, "complete", snap.Evidence == registry.Complete)
}
