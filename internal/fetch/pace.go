package fetch

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// throttledFrom is the rate, in requests a second, that a source without a limit is held to when it first throttles.
	throttledFrom = 200
	// slowest is the lowest rate that throttling leads to, where the configured one is well above it; else it is a part of that.
	slowest     = 0.2
	slowestPart = 0.25
	// slowdown is what a throttled answer leaves of the rate.
	slowdown = 0.7
	// regain is the part by which each success raises a slowed rate: 18 successes make up for one throttled answer, so a registry
	// that throttles by its own load and not by our rate does not hold us down.
	regain = 0.02
	// freeAgain is the rate at which a source without a limit counts as recovered.
	freeAgain = 1000
)

// pace bounds what a source sends, all its repos together: requests in flight, requests a second, and pauses that the
// registry asked for.
type pace struct {
	slots   chan struct{}
	limiter *rate.Limiter
	full    rate.Limit // the configured rate

	mu     sync.Mutex
	epoch  int           // rises with every slow-down
	pauses int           // that are not over yet
	resume chan struct{} // closed when the last of them is; nil when there is none
}

func newPace(concurrency int, perSecond float64) *pace {
	full := rate.Inf
	if perSecond > 0 {
		full = rate.Limit(perSecond)
	}
	// The burst is what may be sent at once after a quiet time: a twentieth of a second's worth, so that timers of a
	// millisecond's grain do not hold a high rate down.
	burst := max(1, int(min(perSecond, 1e6)/20))
	return &pace{slots: make(chan struct{}, concurrency), limiter: rate.NewLimiter(full, burst), full: full}
}

// enter waits for a pause to be over, for a place in flight and for the rate. Call leave when the answer is there. The epoch
// goes back to throttled.
func (p *pace) enter(ctx context.Context) (epoch int, err error) {
	for {
		if err := p.pauseOver(ctx); err != nil {
			return 0, err
		}
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if r := p.limiter.Reserve(); r.Delay() > 0 {
			if err := sleep(ctx, r.Delay()); err != nil {
				r.Cancel()
				p.leave()
				return 0, err
			}
		}
		p.mu.Lock()
		epoch, paused := p.epoch, p.resume != nil
		p.mu.Unlock()
		if !paused {
			return epoch, ctx.Err()
		}
		p.leave() // a pause began while this one waited
	}
}

// pauseOver waits until no pause is left.
func (p *pace) pauseOver(ctx context.Context) error {
	p.mu.Lock()
	resume := p.resume
	p.mu.Unlock()
	if resume == nil {
		return ctx.Err()
	}
	select {
	case <-resume:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pace) leave() { <-p.slots }

// throttled slows every worker down: a lower rate, and no request at all for the time the registry asked for. Answers to
// requests that were under way when the last slow-down happened do not count again.
func (p *pace) throttled(epoch int, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch == p.epoch {
		p.epoch++
		now := p.limiter.Limit()
		if now *= slowdown; p.limiter.Limit() == rate.Inf {
			now = throttledFrom
		}
		p.limiter.SetLimit(max(min(slowest, slowestPart*p.full), now))
	}
	if pause <= 0 || pause > maxRetryAfter { // for so long nobody waits: who asked finds out whether it holds for the source
		return
	}
	p.pauses++
	if p.resume == nil {
		p.resume = make(chan struct{})
	}
	time.AfterFunc(pause, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.pauses--; p.pauses == 0 {
			close(p.resume)
			p.resume = nil
		}
	})
}

// succeeded lets a slowed rate recover little by little.
func (p *pace) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.limiter.Limit()
	if now == p.full {
		return
	}
	now *= 1 + regain
	if now >= p.full || p.full == rate.Inf && now >= freeAgain {
		now = p.full
	}
	p.limiter.SetLimit(now)
}

// Backoff between attempts of one request.
const (
	backoffRetry    = 500 * time.Millisecond
	backoffThrottle = time.Second
	backoffCap      = 60 * time.Second
)

// backoff is the wait after the given attempt, from 1: a random part of a time that doubles with every attempt. The whole
// time is jittered, so that workers which failed together do not come back together.
func backoff(attempt int, throttled bool, random float64) time.Duration {
	base := backoffRetry
	if throttled {
		base = backoffThrottle
	}
	top := min(float64(backoffCap), float64(base)*math.Pow(2, float64(attempt-1)))
	return time.Duration(random * top)
}

// sleep waits, or returns the context's error as soon as it ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
