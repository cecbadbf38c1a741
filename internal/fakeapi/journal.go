package fakeapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one call as the log keeps it: without what is secret, and with what became of it.
type Request struct {
	N         int       // 1 for the first that came
	At        time.Time // zero without the option Clock
	Method    string
	JSON      bool // a POST of JSON
	Action    string
	Repo      string
	ProjectID string
	Type      string
	PublicKey string
	Offset    int // 0 when it was not sent
	Limit     int // 0 when it was not sent

	Throttled bool // refused for coming too fast
	Faulted   bool // answered by a Fault
	RetCode   int  // of the true answer, whatever a Fault made of it
	Rows      int  // of the true answer
}

// Stats counts what has come.
type Stats struct {
	Requests    int
	ByAction    map[string]int
	ByRepo      map[string]int // GetRepoImage only
	Throttled   int
	Faulted     int
	InFlight    int // now
	MaxInFlight int
}

type journal struct {
	requests []Request
	inFlight int
	most     int
}

// Log lists all requests in the order in which they came. Those being answered stand in it without their outcome.
func (a *API) Log() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.log.requests)
}

// Stats counts the log.
func (a *API) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Stats{
		Requests: len(a.log.requests), InFlight: a.log.inFlight, MaxInFlight: a.log.most,
		ByAction: map[string]int{}, ByRepo: map[string]int{},
	}
	for _, q := range a.log.requests {
		s.ByAction[q.Action]++
		if q.Action == "GetRepoImage" {
			s.ByRepo[q.Repo]++
		}
		if q.Throttled {
			s.Throttled++
		}
		if q.Faulted {
			s.Faulted++
		}
	}
	return s
}

// ResetLog forgets all requests; those that come next are numbered from 1 again. Call it while none is in flight.
func (a *API) ResetLog() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = journal{inFlight: a.log.inFlight, most: a.log.inFlight}
}

func (a *API) arrive(q Request) (s settings, arrived Request, inFlight int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set.clock != nil {
		q.At = a.set.clock()
	}
	q.N = len(a.log.requests) + 1
	a.log.requests = append(a.log.requests, q)
	a.log.inFlight++
	a.log.most = max(a.log.most, a.log.inFlight)
	return a.set, q, a.log.inFlight
}

func (a *API) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log.inFlight--
}

func (a *API) note(n int, change func(*Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n <= len(a.log.requests) {
		change(&a.log.requests[n-1])
	}
}

func request(r *http.Request, params map[string]string) Request {
	q := Request{
		Method: r.Method, JSON: strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"),
		Action: params["Action"], Repo: params["RepoName"], ProjectID: params["ProjectId"],
		Type: params["Type"], PublicKey: params["PublicKey"],
	}
	q.Offset, _ = strconv.Atoi(params["Offset"]) // what is no number is refused when the call is answered
	q.Limit, _ = strconv.Atoi(params["Limit"])
	return q
}
