package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"syncer/internal/registry"
)

// laneRun reads the repos of one source in one run.
type laneRun struct {
	*Runner
	Lane
	record Record
	queue  *queue
	enough <-chan struct{} // closed when no more repos are to be taken
}

// read claims the repos, a few at a time as readers get free, and has them read. Those that other runs hold are tried again at
// the end, when that is wanted.
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
			held, err := l.hand(ctx, repos, next)
			if err == nil && l.opt.HeldWait > 0 {
				held, err = l.comeBack(ctx, held, next)
			}
			return errors.Join(err, l.locked(ctx, held))
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

// hand claims repos and passes on what is now this run's; it returns what others hold. No more is claimed than readers can take
// soon: whatever is claimed and not read is lost to other runs, which leave it and hurry on.
func (l *laneRun) hand(ctx context.Context, repos []registry.Repo, next chan<- registry.Repo) (held []registry.Repo, err error) {
	for batch := range slices.Chunk(repos, max(1, l.Readers)) {
		if l.isEnough() {
			return held, nil
		}
		keys, err := l.record.Claim(ctx, batch)
		if err != nil {
			return held, err
		}
		for _, repo := range batch {
			if slices.Contains(keys, repo.Key) {
				if l.opt.FailOnLocked {
					return nil, fmt.Errorf("repo %s: %w", repo.Key, ErrLocked)
				}
				held = append(held, repo)
				continue
			}
			select {
			case next <- repo:
			case <-l.enough:
				return held, nil
			case <-ctx.Done():
				return held, ctx.Err()
			}
		}
	}
	return held, nil
}

// locked leaves repos to the runs that hold them.
func (l *laneRun) locked(ctx context.Context, repos []registry.Repo) error {
	if l.isEnough() {
		return nil // they count as undone
	}
	for _, repo := range repos {
		now := l.opt.Now()
		if err := l.queue.put(ctx, item{result: registry.RepoSync{
			Repo: repo, Status: registry.RepoLocked, StartedAt: now, FinishedAt: now, TotalCount: -1, Error: ErrLocked.Error(),
		}}); err != nil {
			return err
		}
	}
	return nil
}

// readRepo reads one repo and queues what came of it. Its error ends the run: the context has ended.
func (l *laneRun) readRepo(ctx context.Context, repo registry.Repo) error {
	started := l.opt.Now()
	var snap registry.Snapshot
	err := l.calmly("read repo "+repo.Key.String(), func() (err error) {
		snap, err = l.Source.Read(ctx, repo)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // whatever the error says, the repo is not to blame
	case err != nil:
		return l.queue.put(ctx, item{cause: err, result: registry.RepoSync{
			Repo: repo, Status: registry.RepoFailed, StartedAt: started, FinishedAt: l.opt.Now(), TotalCount: -1, Error: err.Error(),
			Gone: errors.Is(err, registry.ErrRepoGone),
		}})
	default:
		return l.queue.put(ctx, item{snap: &snap})
	}
}
