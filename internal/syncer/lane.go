package syncer

import (
	"context"
	"errors"

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
