package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"syncer/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDatabase = errors.New("database is gone")

// fakeSource has repos and an error for some of them.
type fakeSource struct {
	name    string
	repos   []registry.Repo
	listErr error
	errs    map[string]error // by repo name
	images  map[string]int   // by repo name; 1 where it says nothing
	skew    time.Duration    // of the registry's clock
	step    func()           // called by every method

	good, others []registry.Repo // whom to ask

	mu               sync.Mutex
	reads            []string
	stopped, project error
}

func (s *fakeSource) Name() string { return s.name }

func (s *fakeSource) Repos(ctx context.Context) ([]registry.Repo, error) {
	s.step()
	return s.repos, errors.Join(s.listErr, ctx.Err())
}

func (s *fakeSource) Missing(known []registry.KnownRepo, listed []registry.Repo) (d registry.Departures) {
	for _, k := range known {
		switch {
		case slices.Contains(listed, k.Repo):
		case k.ProjectID == "p":
			d.Unlisted = append(d.Unlisted, k.Repo)
		case !k.Unconfigured:
			d.Foreign = append(d.Foreign, k.Repo)
		}
	}
	d.Empty = len(listed) == 0
	return d
}

func (s *fakeSource) ClockSkew() (time.Duration, bool) { return s.skew, s.skew != 0 }

func (s *fakeSource) Witnesses(good, others []registry.Repo) { s.good, s.others = good, others }

func (s *fakeSource) Read(ctx context.Context, repo registry.Repo) (registry.Snapshot, error) {
	s.step()
	s.mu.Lock()
	s.reads = append(s.reads, repo.Key.Name)
	s.mu.Unlock()
	if err := errors.Join(ctx.Err(), s.fault(repo)); err != nil {
		return registry.Snapshot{}, fmt.Errorf("read repo %q: %w", repo.Key.Name, err)
	}
	n, ok := s.images[repo.Key.Name]
	if !ok {
		n = 1
	}
	return registry.Snapshot{Repo: repo, Images: make([]registry.Image, n), Evidence: registry.Complete, Walks: 1, Pages: 1,
		Rejected: []registry.Rejection{{Image: "bad", Reason: "no name"}}}, nil
}

// fault is what is wrong with a repo. What reaches farther is told of all that it reaches, as a source does.
func (s *fakeSource) fault(repo registry.Repo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.errs[repo.Key.Name]
	switch {
	case s.stopped != nil:
		return s.stopped
	case s.project != nil && repo.ProjectID == "p":
		return s.project
	case errors.Is(err, registry.ErrRefused), errors.Is(err, registry.ErrUnavailable):
		s.stopped = err
	case errors.Is(err, registry.ErrProjectRefused):
		s.project = err
	}
	return err
}

func (s *fakeSource) Traffic() registry.Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return registry.Traffic{Requests: int64(len(s.reads)), Retries: 1}
}

// fakeSink is a database in memory that can fail.
type fakeSink struct {
	step      func()
	failOn    string                         // method that fails
	held      map[string]bool                // repos of other runs
	heldUntil map[string]time.Time           // the same, for a while
	statuses  map[string]registry.RepoStatus // of applied repos; ok where it says nothing
	applying  chan struct{}                  // when not nil, Apply waits for one

	mu       sync.Mutex
	run      NewRun
	claims   [][]string
	groups   [][]string
	results  map[string]registry.RepoStatus
	allowed  []string
	gone     []string
	released []string
	known    []registry.KnownRepo
	named    [][]string
	finished []registry.RunSummary
	closed   int
}

func (s *fakeSink) call(ctx context.Context, method string) error {
	s.step()
	if s.failOn == method {
		return errDatabase
	}
	return ctx.Err()
}

func (s *fakeSink) Begin(ctx context.Context, run NewRun) (Record, error) {
	s.run = run
	s.results = map[string]registry.RepoStatus{}
	return s, s.call(ctx, "begin")
}

func (s *fakeSink) Known(ctx context.Context, _ string) ([]registry.KnownRepo, error) {
	return s.known, s.call(ctx, "known")
}

func (s *fakeSink) ID() int64 { return 7 }

func (s *fakeSink) Claim(ctx context.Context, repos []registry.Repo) (held []registry.RepoKey, err error) {
	var names []string
	for _, repo := range repos {
		names = append(names, repo.Key.Name)
		if s.held[repo.Key.Name] || time.Now().Before(s.heldUntil[repo.Key.Name]) {
			held = append(held, repo.Key)
		}
	}
	s.mu.Lock()
	s.claims = append(s.claims, names)
	s.mu.Unlock()
	return held, s.call(ctx, "claim")
}

func (s *fakeSink) Apply(ctx context.Context, snaps []registry.Snapshot, allow func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	if s.applying != nil {
		select {
		case <-s.applying:
		case <-ctx.Done():
		}
	}
	if err := s.call(ctx, "apply"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	var results []registry.RepoSync
	for _, snap := range snaps {
		name := snap.Repo.Key.Name
		names = append(names, name)
		status := registry.RepoOK
		if st, ok := s.statuses[name]; ok {
			status = st
		}
		if allow(snap.Repo.Key) {
			s.allowed = append(s.allowed, name)
		}
		s.results[name] = status
		results = append(results, registry.RepoSync{Repo: snap.Repo, Status: status, Seen: len(snap.Images), New: 1, HistoryRows: 2, Walks: 1})
	}
	s.groups = append(s.groups, names)
	return results, nil
}

func (s *fakeSink) Record(ctx context.Context, results []registry.RepoSync) error {
	if err := s.call(context.WithoutCancel(ctx), "record"); err != nil { // a statement may win against its cancellation
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range results {
		s.results[r.Repo.Key.Name] = r.Status
		switch {
		case r.Released:
			s.released = append(s.released, r.Repo.Key.Name)
		case r.Gone:
			s.gone = append(s.gone, r.Repo.Key.Name)
		}
	}
	return nil
}

func (s *fakeSink) Configured(ctx context.Context, _ string, keys []registry.RepoKey, _ time.Time) error {
	var names []string
	for _, key := range keys {
		names = append(names, key.Name)
	}
	s.mu.Lock()
	s.named = append(s.named, names)
	s.mu.Unlock()
	return s.call(ctx, "configured")
}

func (s *fakeSink) Finish(ctx context.Context, sum registry.RunSummary) error {
	if err := s.call(ctx, "finish"); err != nil {
		return err
	}
	s.finished = append(s.finished, sum)
	return nil
}

func (s *fakeSink) Close() { s.closed++ }

// fixture is a Runner over one or more fake sources.
type fixture struct {
	sink    *fakeSink
	sources []*fakeSource
	opt     Options
	readers int
	step    func()
}

// repos are repos of a source, all of project p.
func repos(source string, names ...string) []registry.Repo {
	var list []registry.Repo
	for _, name := range names {
		list = append(list, registry.Repo{Key: registry.RepoKey{Source: source, Name: name}, ProjectID: "p"})
	}
	return list
}

func known(list ...registry.Repo) (known []registry.KnownRepo) {
	for _, repo := range list {
		known = append(known, registry.KnownRepo{Repo: repo})
	}
	return known
}

func numbered(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("r%04d", i))
	}
	return names
}

func newFixture(names ...string) *fixture {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &fixture{
		sink:    &fakeSink{},
		sources: []*fakeSource{{name: "default", repos: repos("default", names...)}},
		opt: Options{Kind: registry.RunSync, Version: "v1", Now: func() time.Time { return clock },
			Logger: slog.New(slog.DiscardHandler)},
		readers: 3,
		step:    func() {},
	}
}

func (f *fixture) run(ctx context.Context) (Result, error) {
	var lanes []Lane
	f.sink.step = func() { f.step() }
	for _, s := range f.sources {
		s.step = f.sink.step
		lanes = append(lanes, Lane{Source: s, Readers: f.readers})
	}
	return New(f.sink, lanes, f.opt).Run(ctx)
}

func (f *fixture) mustRun(t *testing.T) Result {
	t.Helper()
	res, err := f.run(t.Context())
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return res
}

// applied are the names of all applied repos, sorted.
func (f *fixture) applied() []string {
	names := slices.Concat(f.sink.groups...)
	slices.Sort(names)
	return names
}
