package fakeapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// API answers calls from a world. It is an [http.Handler] for any path.
type API struct {
	world *World

	mu  sync.Mutex
	set settings
	log journal
}

// New makes an API over a world.
func New(w *World, options ...Option) *API {
	a := &API{world: w}
	a.Set(options...)
	return a
}

// Set changes options at any moment; calls that are being answered keep those they came under.
func (a *API) Set(options ...Option) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, option := range options {
		option(&a.set)
	}
}

// ServeHTTP answers one call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	params, ref := parameters(r)
	s, q, inFlight := a.arrive(request(r, params))
	defer a.leave()

	w.Header().Set("X-UCLOUD-REQUEST-UUID", uuid(q.N))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if s.throttle.refuses(inFlight, s.limiter) {
		a.note(q.N, func(q *Request) { q.Throttled = true })
		s.throttle.write(w)
		return
	}
	if !wait(r.Context(), s.latency) {
		return
	}
	if s.before != nil {
		s.before(q)
	}
	reply := answer{refusal: ref, wire: s.wire}
	if ref == nil {
		reply = s.reply(a.world, params, r.Header)
	}
	fault := s.fault(a, q)
	a.note(q.N, func(q *Request) {
		q.Faulted, q.Rows = fault != nil, reply.rows()
		if reply.refusal != nil {
			q.RetCode = reply.refusal.code
		}
	})
	body := reply.encode(q.N)
	if fault != nil {
		fault(w, r, body)
		return
	}
	_, _ = w.Write(body) // who called may be gone
}

func (s *settings) reply(w *World, params map[string]string, header http.Header) answer {
	account, ref := s.admit(w, params, header)
	if ref != nil {
		return answer{refusal: ref, wire: s.wire}
	}
	return s.ask(w, account, params)
}

// fault chooses what goes wrong with a call: the function's word first, then the first rule that matches.
func (s *settings) fault(a *API, q Request) Fault {
	if s.choose != nil {
		if f := s.choose(q); f != nil {
			return f
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, rule := range s.rules {
		if rule.hits(q) {
			return rule.Do
		}
	}
	return nil
}

// uuid is a request's id, made from its number so that a log can be read beside ours.
func uuid(request int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", request) }

// wait passes d and reports whether the context lasted as long.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
