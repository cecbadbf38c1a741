package fakeapi

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// Option sets one thing about an API. Given again it replaces what it set before.
type Option func(*settings)

type settings struct {
	wire     Wire
	paging   Paging
	latency  time.Duration
	throttle Throttle
	limiter  *rate.Limiter
	headers  map[string]string
	strict   bool
	before   func(Request)
	choose   func(Request) Fault
	rules    []*ruleState
	clock    func() time.Time
}

// WithWire sets how answers are written, for repos without a Wire of their own.
func WithWire(w Wire) Option { return func(s *settings) { s.wire = w } }

// WithPaging sets how lists are cut, for repos without a Paging of their own and for lists of repos.
func WithPaging(p Paging) Option { return func(s *settings) { s.paging = p } }

// Latency is how long every answer takes that is not throttled.
func Latency(d time.Duration) Option { return func(s *settings) { s.latency = d } }

// WithThrottle refuses calls that come too fast or too many at once. The zero Throttle refuses none.
func WithThrottle(t Throttle) Option {
	return func(s *settings) {
		s.throttle, s.limiter = t, nil
		if t.PerSecond > 0 {
			s.limiter = rate.NewLimiter(rate.Limit(t.PerSecond), max(1, t.Burst))
		}
	}
}

// RequireHeader refuses calls with 174 that lack the header or have another value in it, as brands that share a domain do
// with channel-key. Several may be required; an empty value ends the requirement.
func RequireHeader(name, value string) Option {
	return func(s *settings) {
		s.headers = maps.Clone(s.headers) // calls that are being answered hold the old one
		if s.headers == nil {
			s.headers = map[string]string{}
		}
		s.headers[name] = value
		if value == "" {
			delete(s.headers, name)
		}
	}
}

// StrictParams refuses parameters that an action does not document (Region, say) with 230, as some backends do. Without
// it they are ignored, though they must be signed.
func StrictParams(on bool) Option { return func(s *settings) { s.strict = on } }

// Before is called between requests: after a call has come and waited its latency, before the world is looked at for its
// answer. It may change the world. Calls in flight at once call it at once.
func Before(hook func(Request)) Option { return func(s *settings) { s.before = hook } }

// Faults sets the rules by which answers go wrong, each counting from now on. No rules: none goes wrong.
func Faults(rules ...Rule) Option {
	return func(s *settings) {
		s.rules = nil
		for _, r := range slices.Clone(rules) {
			s.rules = append(s.rules, &ruleState{Rule: r})
		}
	}
}

// FaultFunc lets a function choose what goes wrong with each call; nil from it leaves the call to the rules of [Faults].
func FaultFunc(choose func(Request) Fault) Option { return func(s *settings) { s.choose = choose } }

// Clock makes the log tell when each request came.
func Clock(now func() time.Time) Option { return func(s *settings) { s.clock = now } }
