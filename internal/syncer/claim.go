package syncer

import (
	"context"
	"fmt"
	"slices"

	"syncer/internal/registry"
)

// isEnough reports whether no more repos are to be taken.
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
