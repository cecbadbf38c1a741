// Package schedule says when a daemon works and makes it do so: robfig/cron with its traps closed.
//
// Runs never overlap, a run that panics does not stop later ones, a run that hangs is ended by its deadline, and what was missed
// while nothing ran is made up for by one run.
//
// A spec is read in a zone of its own. Where that zone has daylight saving time, a moment that the clock skips in spring is not
// run that day, and one that it shows twice in autumn is run twice. Specs that fire every hour notice neither; for others UTC is
// the zone without surprises.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is the moments of a cron spec in a zone.
type Schedule struct {
	moments cron.Schedule
	zone    *time.Location
}

// reference is a moment from which every spec that fires at all fires within five years, where robfig/cron stops to look: a
// leap day is near.
var reference = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// Parse reads a spec of five fields (minute, hour, day of month, month, day of week) or one such as @hourly or @every 90s.
func Parse(spec string, zone *time.Location) (Schedule, error) {
	spec = strings.TrimSpace(spec)
	// The parser takes these prefixes, and panics where no field follows. One place for the zone is also enough.
	if upper := strings.ToUpper(spec); strings.HasPrefix(upper, "TZ=") || strings.HasPrefix(upper, "CRON_TZ=") {
		return Schedule{}, fmt.Errorf("schedule %q names a zone: set the timezone beside it instead", spec)
	}
	if text, ok := strings.CutPrefix(spec, "@every "); ok {
		// The parser would quietly make a second of anything shorter, negative times included.
		if d, err := time.ParseDuration(text); err != nil || d < time.Second {
			return Schedule{}, fmt.Errorf("schedule %q: write a time of at least a second, such as @every 90s", spec)
		}
	}
	moments, err := cron.ParseStandard(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %w: write five fields, such as \"7 * * * *\" for each hour at 7 past", spec, err)
	}
	s := Schedule{moments: moments, zone: zone}
	if s.Next(reference).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q: %w", spec, errNever)
	}
	return s, nil
}

var errNever = errors.New("there is no such day")

// Next is the first moment after the given one.
func (s Schedule) Next(after time.Time) time.Time { return s.moments.Next(after.In(s.zone)) }

// Upcoming are the next n moments.
func (s Schedule) Upcoming(after time.Time, n int) []time.Time {
	list := make([]time.Time, n)
	for i := range list {
		after = s.Next(after)
		list[i] = after
	}
	return list
}

// Looking this far ahead finds every gap of a spec that repeats by the week, and the usual ones of others.
const (
	periodMoments = 2000
	periodAhead   = 35 * 24 * time.Hour
)

// Period is the longest time between two moments that follow each other: how old what a run wrote may become while all is well.
func (s Schedule) Period(from time.Time) time.Duration {
	first := s.Next(from)
	var longest time.Duration
	for last, n := first, 0; n < periodMoments && last.Sub(first) < periodAhead; n++ {
		next := s.Next(last)
		longest = max(longest, next.Sub(last))
		last = next
	}
	return longest
}

// Missed reports whether a moment has passed since the last run, or there never was one.
func (s Schedule) Missed(last, now time.Time) bool {
	return last.IsZero() || !s.Next(last).After(now)
}
