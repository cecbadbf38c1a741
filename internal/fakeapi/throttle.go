package fakeapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// Throttle refuses calls at once, before they wait any latency.
type Throttle struct {
	PerSecond  float64       // not 0: calls a second
	Burst      int           // calls that may come at once after a rest; 0 is 1
	InFlight   int           // not 0: calls being answered at once
	Status     int           // HTTP status of the refusal; 0: RetCode 153 with status 200
	RetryAfter time.Duration // not 0: sent as Retry-After, in whole seconds rounded up
}

func (t Throttle) refuses(inFlight int, limiter *rate.Limiter) bool {
	return t.InFlight > 0 && inFlight > t.InFlight || limiter != nil && !limiter.Allow()
}

func (t Throttle) write(w http.ResponseWriter) {
	if t.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(t.RetryAfter.Seconds()))))
	}
	if t.Status != 0 {
		http.Error(w, http.StatusText(t.Status), t.Status)
		return
	}
	_, _ = w.Write((&answer{refusal: &refusal{153, "Request throttled"}}).encode(0)) // who called may be gone
}
