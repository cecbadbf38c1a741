package fetch

import (
	"fmt"
	"sync"

	"syncer/internal/registry"
)

// patience is how many requests in a row may use up their attempts, with no success of any other between them, before the
// source counts as down for the rest of the round. One alone may be a repo that its server cannot read.
const patience = 2

// health knows whether it still makes sense to ask a source. What stops it holds until the next round.
type health struct {
	mu        sync.Mutex
	full      int // the retry budget
	budget    int // retries left: one is spent by a retry and earned by a success
	successes int64
	exhausted int // requests that used up their attempts since the last success
	stopped   error
	projects  map[place]error
}

// place is what a refusal for a project concerns: an account may list images and not repos.
type place struct{ project, action string }

func newHealth(budget int) *health {
	h := &health{full: budget}
	h.reset()
	return h
}

// reset begins a round.
func (h *health) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.budget, h.exhausted, h.stopped, h.projects = h.full, 0, nil, map[place]error{}
}

// admit says why the call must not be made, if so, and else how many calls have succeeded so far.
func (h *health) admit(r request) (successes int64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped != nil {
		return 0, fmt.Errorf("%s of %q not sent, after %w", r.action, r.repo, h.stopped)
	}
	if err := h.projects[place{r.project, r.action}]; err != nil {
		return 0, fmt.Errorf("%s of %q not sent, after %w", r.action, r.repo, err)
	}
	return h.successes, nil
}

// answered notes that the source lives: it gave an answer that makes sense, if not the one hoped for.
func (h *health) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.successes++
	h.exhausted = 0
	h.budget = min(h.full, h.budget+1)
}

// retry spends one retry; false when there is none left, which stops the source.
func (h *health) retry(f *failure) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.budget--; h.budget >= 0 {
		return true
	}
	f.reach = registry.ErrUnavailable
	h.stop(f)
	return false
}

// gaveUp notes a request that used up its attempts. When nothing else succeeded meanwhile it is the source that is down.
func (h *health) gaveUp(f *failure, successesBefore int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.successes != successesBefore {
		return
	}
	f.reach = registry.ErrUnavailable
	if h.exhausted++; h.exhausted >= patience {
		h.stop(f)
	}
}

// closed notes a registry that wants to be left alone for longer than a round lasts.
func (h *health) closed(f *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.reach = registry.ErrUnavailable
	h.stop(f)
}

// refused notes a failure that reaches beyond its repo.
func (h *health) refused(f *failure, r request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.class == classProject {
		h.projects[place{r.project, r.action}] = f
		return
	}
	h.stop(f)
}

// stop keeps the first reason; the others follow from it.
func (h *health) stop(f *failure) {
	if h.stopped == nil {
		h.stopped = f
	}
}
