package syncer

import (
	"context"
	"time"

	"syncer/internal/registry"
)

// How long to wait before repos that other runs hold are tried again: longer each time, until one of them got free.
const (
	firstHeldPause = 500 * time.Millisecond
	lastHeldPause  = 10 * time.Second
)

// comeBack tries repos that other runs held, again and again, until none is left or none got free for Options.HeldWait.
func (l *laneRun) comeBack(ctx context.Context, held []registry.Repo, next chan<- registry.Repo) (left []registry.Repo, err error) {
	pause, waited := firstHeldPause, time.Duration(0)
	for len(held) > 0 && waited < l.opt.HeldWait {
		l.opt.Logger.InfoContext(ctx, "waiting for repos that other runs hold", "source", l.Source.Name(), "repos", len(held), "first", held[0].Key.Name)
		pause = min(pause, l.opt.HeldWait-waited)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.enough:
			timer.Stop()
			return held, nil
		case <-ctx.Done():
			timer.Stop()
			return held, ctx.Err()
		}
		waited += pause
		pause = min(2*pause, lastHeldPause)
		before := len(held)
		if held, err = l.hand(ctx, held, next); err != nil {
			return held, err
		}
		if len(held) < before {
			pause, waited = firstHeldPause, 0
		}
	}
	return held, nil
}
