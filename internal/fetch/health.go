package fetch

import (
	"errors"
	"fmt"
	"sync"

	"syncer/internal/registry"
)

// patience is how many requests in a row may fail for good before the source counts as down, where nobody else can be asked.
const patience = 2

// health knows whether it still makes sense to ask a source, and is the only one who does. What stops it holds until the next
// round. One failure stops nothing: see judge.
type health struct {
	judging chan struct{} // has a token while a failure is judged: what one finds out serves all who failed with it

	mu        sync.Mutex
	full      int // the retry budget
	budget    int // retries left: one is spent by a retry and earned by a success
	successes int64
	lonely    int // failures since the last success that nobody but those who failed could be asked about
	stopped   error
	places    map[place]error
	witnesses witnesses
}

// place is what a refusal for a project concerns: an account may list images and not repos.
type place struct{ project, action string }

func newHealth(budget int, projects []Project) *health {
	h := &health{judging: make(chan struct{}, 1), full: budget}
	for _, p := range projects {
		for _, name := range p.Repos {
			h.witnesses.others = append(h.witnesses.others, target{p.ID, name})
		}
	}
	h.reset()
	return h
}

// reset begins a round.
func (h *health) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.budget, h.lonely, h.stopped, h.places = h.full, 0, nil, map[place]error{}
	h.witnesses.recent, h.witnesses.failed = nil, map[target]bool{}
}

// admit says why the call must not be made, if so, and else how many calls have succeeded so far.
func (h *health) admit(r request) (successes int64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped != nil {
		return 0, fmt.Errorf("%s of %q not sent, after %w", r.action, r.repo, h.stopped)
	}
	if err := h.places[place{r.project, r.action}]; err != nil {
		return 0, fmt.Errorf("%s of %q not sent, after %w", r.action, r.repo, err)
	}
	return h.successes, nil
}

// answered notes that the source lives: it gave an answer that makes sense, if not the one hoped for. Retries that it took are
// given back when the answer concerns the repo alone.
func (h *health) answered(r request, f *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.successes++
	h.lonely = 0
	h.earn(1)
	if f == nil {
		h.witnesses.answered(r)
	} else {
		h.earn(f.attempts - 1)
		h.witnesses.fell(r)
	}
}

func (h *health) earn(n int) { h.budget = min(h.full, h.budget+n) }

// retry spends one retry and reports whether there was one left.
func (h *health) retry() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.budget <= 0 {
		return false
	}
	h.budget--
	return true
}

// known reports whether a failure needs no judgement any more: the source was stopped, or the project, or another call succeeded since so
// many had. In that case the failure is the repo's own, and the retries it took are given back: however many repos cannot be read, those
// that can keep theirs. A list of repos that fails by itself is not asked for again in this round.
func (h *health) known(r request, f *failure, successes int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f.stops = h.stopped != nil; f.stops {
		return true
	}
	if f.class == classProject && errors.Is(h.places[place{r.project, r.action}], registry.ErrProjectRefused) {
		f.reach = registry.ErrProjectRefused
		return true
	}
	if h.successes == successes {
		return false
	}
	f.reach = nil
	h.earn(f.attempts - 1)
	h.witnesses.fell(r)
	if r.repo == "" {
		h.places[place{r.project, r.action}] = f
	}
	return true
}

// stop ends the round of the whole source. It keeps the first reason; the others follow from it.
func (h *health) stop(why *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if why.stops = true; h.stopped == nil {
		h.stopped = why
	}
}

// stopProject ends a project's round.
func (h *health) stopProject(r request, why *failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places[place{r.project, r.action}] = why
}

// unheard notes a failure of which nobody else could be asked, and reports whether there were too many of them.
func (h *health) unheard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lonely++
	return h.lonely >= patience
}

// candidates are those to be asked whether a failure is theirs too.
func (h *health) candidates(r request, f *failure) []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.witnesses.of(r, f)
}

// Witnesses says which repos to ask when it is in doubt whether the registry or only a repo gives no answer: those that were read
// before, and others, of which nothing is known.
func (s *Source) Witnesses(good, others []registry.Repo) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.health.witnesses.good, s.health.witnesses.others = targets(good), targets(others)
}
