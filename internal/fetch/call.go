package fetch

import (
	"context"
	"fmt"
	"time"

	"syncer/internal/registry"
	"syncer/internal/wire"
)

// maxRetryAfter is the longest pause that is waited for; who asks for more is not available.
const maxRetryAfter = 5 * time.Minute

// call makes one request until it succeeds, fails for good, or has used up its attempts. It returns a *failure, or the
// context's error.
func (s *Source) call(ctx context.Context, r request) (wire.Answer, error) {
	before, err := s.health.admit(r)
	if err != nil {
		return wire.Answer{}, err
	}
	for attempt := 1; ; attempt++ {
		a, epoch, cred, f := s.attempt(ctx, r)
		if ctx.Err() != nil {
			return wire.Answer{}, fmt.Errorf("%s of %q: %w", r.action, r.repo, context.Cause(ctx))
		}
		if f == nil {
			s.succeeded(r, cred)
			return a, nil
		}
		f.attempts = attempt
		switch f.class {
		case classRetry, classThrottle, classUnknown:
			if err := s.again(ctx, r, f, epoch, before); err != nil {
				return wire.Answer{}, err
			}
		case classToken:
			if err := s.keys.renew(ctx, cred); err != nil {
				f.detail += "; read again: " + redact(err.Error(), []string{cred.PublicKey, cred.PrivateKey, cred.SecurityToken})
				return wire.Answer{}, s.judge(ctx, r, f, before)
			}
		case classRefused, classProject, classProxy, classNoAPI:
			return wire.Answer{}, s.judge(ctx, r, f, before)
		default:
			s.health.answered(r, f)
			return wire.Answer{}, f
		}
		if _, err := s.health.admit(r); err != nil { // another request found the source down meanwhile
			return wire.Answer{}, err
		}
	}
}

// again waits for the next attempt, or returns the failure when there is none.
func (s *Source) again(ctx context.Context, r request, f *failure, epoch int, before int64) error {
	last := s.opts.MaxAttempts
	if f.class == classUnknown {
		last = min(last, 1+unknownRetries)
	}
	throttled := f.class == classThrottle
	if throttled {
		s.pace.throttled(epoch, f.retryAfter)
	}
	switch {
	case f.attempts >= last && f.class == classUnknown:
		s.health.answered(r, f)
		return f
	case f.attempts >= last, f.retryAfter > maxRetryAfter, !s.health.retry():
		f.reach = registry.ErrUnavailable
		return s.judge(ctx, r, f, before)
	}
	s.retries.Add(1)
	wait := max(f.retryAfter, backoff(f.attempts, throttled, s.opts.Rand()))
	s.opts.Logger.DebugContext(ctx, "request is tried again", "source", s.opts.Name, "attempt", f.attempts, "wait", wait, "error", f.Error())
	if err := sleep(ctx, wait); err != nil {
		return fmt.Errorf("%s of %q: %w", f.action, f.repo, context.Cause(ctx))
	}
	return nil
}
