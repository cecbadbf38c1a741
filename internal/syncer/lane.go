package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"syncer/internal/registry"
)

// claimBatch is how many repos are claimed at once: few, so that other runs can take the rest, but enough that a claim's
// round trip is nothing beside the reading.
const claimBatch = 32

// laneRun reads the repos of one source in one run.
type laneRun struct {
	*Runner
	Lane
	record Record
	queue  *queue
	enough <-chan struct{} // closed when no more repos are to be taken

	mu       sync.Mutex
	stopped  error            // why the whole source is not read any further
	projects map[string]error // why these projects are not
}

func (r *Runner) newLane(l Lane, record Record, q *queue, enough <-chan struct{}) *laneRun {
	return &laneRun{Runner: r, Lane: l, record: record, queue: q, enough: enough, projects: map[string]error{}}
}

// read claims the repos batch by batch, as readers get free, and has them read.
func (l *laneRun) read(ctx context.Context, repos []registry.Repo) error {
	next := make(chan registry.Repo)
	group, ctx := errgroup.WithContext(ctx)
	for range max(1, l.Readers) {
		group.Go(func() error {
			for repo := range next {
				if err := l.readRepo(ctx, repo); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(next)
		return l.calmly("claim repos", func() error {
			for batch := range slices.Chunk(repos, claimBatch) {
				if err := l.hand(ctx, batch, next); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return group.Wait()
}

// isEnough tells whether no more repos are to be taken.
func (l *laneRun) isEnough() bool {
	select {
	case <-l.enough:
		return true
	default:
		return false
	}
}

// hand claims a batch and passes on what is now this run's.
func (l *laneRun) hand(ctx context.Context, batch []registry.Repo, next chan<- registry.Repo) error {
	batch, err := l.dropStopped(ctx, batch)
	if err != nil || len(batch) == 0 || l.isEnough() {
		return err
	}
	held, err := l.record.Claim(ctx, batch)
	if err != nil {
		return err
	}
	for _, repo := range batch {
		if l.isEnough() {
			return nil
		}
		if slices.Contains(held, repo.Key) {
			if err := l.locked(ctx, repo); err != nil {
				return err
			}
			continue
		}
		select {
		case next <- repo:
		case <-l.enough:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *laneRun) locked(ctx context.Context, repo registry.Repo) error {
	if l.opt.FailOnLocked {
		return fmt.Errorf("repo %s: %w", repo.Key, ErrLocked)
	}
	now := l.opt.Now()
	return l.queue.put(ctx, item{result: registry.RepoSync{
		Repo: repo, Status: registry.RepoLocked, StartedAt: now, FinishedAt: now, TotalCount: -1, Error: ErrLocked.Error(),
	}})
}

// dropStopped fails the repos of which is known already that they cannot be read, and returns the others.
func (l *laneRun) dropStopped(ctx context.Context, batch []registry.Repo) (rest []registry.Repo, err error) {
	for _, repo := range batch {
		if why := l.stoppedFor(repo); why != nil {
			if err := l.fail(ctx, repo, registry.RepoSync{}, why); err != nil {
				return nil, err
			}
			continue
		}
		rest = append(rest, repo)
	}
	return rest, nil
}

// readRepo reads one repo and queues what came of it. Its error ends the run: the context has ended.
func (l *laneRun) readRepo(ctx context.Context, repo registry.Repo) error {
	timing := registry.RepoSync{StartedAt: l.opt.Now()}
	if why := l.stoppedFor(repo); why != nil {
		return l.fail(ctx, repo, timing, why)
	}
	var snap registry.Snapshot
	err := l.calmly("read repo "+repo.Key.String(), func() (err error) {
		snap, err = l.Source.Read(ctx, repo)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // whatever the error says, the repo is not to blame
	case err != nil:
		l.note(repo, err)
		return l.fail(ctx, repo, timing, err)
	default:
		return l.queue.put(ctx, item{snap: &snap})
	}
}

func (l *laneRun) fail(ctx context.Context, repo registry.Repo, timing registry.RepoSync, why error) error {
	now := l.opt.Now()
	if timing.StartedAt.IsZero() {
		timing.StartedAt = now
	}
	return l.queue.put(ctx, item{cause: why, result: registry.RepoSync{
		Repo: repo, Status: registry.RepoFailed, StartedAt: timing.StartedAt, FinishedAt: now, TotalCount: -1, Error: why.Error(),
		Gone: errors.Is(why, registry.ErrRepoGone),
	}})
}

// note remembers an error that reaches farther than its repo.
func (l *laneRun) note(repo registry.Repo, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, registry.ErrRefused), errors.Is(err, registry.ErrUnavailable):
		if l.stopped == nil {
			l.stopped = fmt.Errorf("not read: %w", err)
		}
	case errors.Is(err, registry.ErrProjectRefused):
		if l.projects[repo.ProjectID] == nil {
			l.projects[repo.ProjectID] = fmt.Errorf("not read: %w", err)
		}
	}
}

func (l *laneRun) stoppedFor(repo registry.Repo) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped != nil {
		return l.stopped
	}
	return l.projects[repo.ProjectID]
}
