package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"syncer/internal/wire"
)

func (s *Source) succeeded(r request, cred generation) {
	s.health.answered(r, nil)
	s.pace.succeeded()
	s.keys.worked(cred)
}

// attempt makes one HTTP request within the source's limits and classifies what came of it.
func (s *Source) attempt(ctx context.Context, r request) (wire.Answer, int, generation, *failure) {
	cred := s.keys.current()
	epoch, err := s.pace.enter(ctx)
	if err != nil {
		return wire.Answer{}, epoch, cred, &failure{}
	}
	begun := s.opts.Now()
	a, f := s.exchange(ctx, r, cred.Credentials, s.pace.leave)
	outcome := classOK
	if f != nil {
		outcome = f.class
		f.action, f.project, f.repo, f.seq = r.action, r.project, r.repo, s.events.Add(1)
		f.reach = f.class.stopping()
	}
	if ctx.Err() == nil {
		s.opts.Observe(r.action, outcome.outcome(), s.opts.Now().Sub(begun))
	}
	return a, epoch, cred, f
}

// exchange sends one request and reads the answer to it. It calls leave as soon as nothing is on the wire any more: while an
// answer is decoded, another request takes its place.
func (s *Source) exchange(ctx context.Context, r request, cred Credentials, leave func()) (wire.Answer, *failure) {
	leave = sync.OnceFunc(leave)
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout) // the body's time counts too: a trickle ends
	defer cancel()
	req, secrets, err := s.build(ctx, r, cred)
	if err != nil {
		return wire.Answer{}, &failure{class: classNoAPI, detail: redact(err.Error(), secrets)}
	}
	s.requests.Add(1)
	resp, err := s.client.Do(req)
	if err != nil {
		class, detail := networkFailure(err, s.opts.RequestTimeout)
		return wire.Answer{}, &failure{class: class, detail: redact(detail, secrets)}
	}
	defer resp.Body.Close()
	s.noteClock(resp.Header)
	f := &failure{
		status:     resp.StatusCode,
		requestID:  redact(resp.Header.Get("X-Ucloud-Request-Uuid"), secrets),
		retryAfter: retryAfter(resp.Header, s.opts.Now()),
	}
	body, err := readBody(resp.Body)
	leave()
	if err != nil {
		_, f.detail = networkFailure(err, s.opts.RequestTimeout)
		f.class, f.detail = classRetry, redact(f.detail, secrets)
		if errors.Is(err, wire.ErrTooLarge) {
			f.class = classRepo // the same question would get the same answer
		}
		return wire.Answer{}, f
	}
	a, err := s.decoder.Decode(body, r.action)
	if err == nil && f.requestID == "" {
		f.requestID = redact(a.RequestID, secrets)
	}
	switch {
	case err == nil && a.RetCode != 0:
		f.class, f.retCode, f.detail = classOf(a.RetCode), a.RetCode, redact(a.Message, secrets)
	case err == nil && resp.StatusCode == http.StatusOK:
		return a, nil
	default:
		f.class = classOfStatus(resp.StatusCode)
		f.detail = http.StatusText(resp.StatusCode)
		if resp.StatusCode == http.StatusOK {
			f.detail = redact(err.Error(), secrets)
		}
		switch {
		case errors.Is(err, wire.ErrTooLarge):
			f.class = classRepo
		case f.class == classProxy:
			f.detail = proxyAdvice
		}
	}
	if f.status == http.StatusTooManyRequests {
		f.class = classThrottle
	}
	return wire.Answer{}, f
}

func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, wire.MaxBody+1))
	if err == nil && len(body) > wire.MaxBody {
		return nil, fmt.Errorf("%w: more than %d bytes", wire.ErrTooLarge, wire.MaxBody)
	}
	return body, err
}

// forever is what a pause beyond all measure comes to.
const forever = 365 * 24 * time.Hour

// retryAfter is the pause the registry asks for, in seconds or as a date. A date is measured against the answer's own, where it
// has one, not against our clock.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if strings.Trim(text, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(text, 64)
		switch {
		case seconds > forever.Seconds(): // also what is too large for a number
			return forever
		case err != nil:
			return 0
		}
		return time.Duration(seconds * float64(time.Second))
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(forever, max(0, until.Sub(now)))
}

// noteClock keeps how far the server's clock is ahead of ours.
func (s *Source) noteClock(h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	skew := date.Sub(s.opts.Now())
	s.skew.Store(&skew)
}

// ClockSkew is how far the server's clock was ahead of ours at the last answer, to about a second; false when no answer told.
func (s *Source) ClockSkew() (time.Duration, bool) {
	if skew := s.skew.Load(); skew != nil {
		return *skew, true
	}
	return 0, false
}
