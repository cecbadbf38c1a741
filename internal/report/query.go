package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"syncer/internal/store"
)

// Source is what reports are read from. It is implemented by *store.Store.
type Source interface {
	Top(ctx context.Context, f store.ReportFilter) ([]store.TopRow, error)
	Movers(ctx context.Context, days int, f store.ReportFilter) ([]store.MoverRow, error)
	Stale(ctx context.Context, days int, f store.ReportFilter) ([]store.StaleRow, error)
	Daily(ctx context.Context, f store.ReportFilter) ([]store.DayRow, error)
	Events(ctx context.Context, f store.ReportFilter) ([]store.EventRow, error)
	Coverage(ctx context.Context, f store.ReportFilter) ([]store.CoverageRow, error)
	Repos(ctx context.Context) ([]store.RepoRow, error)
	ImageNames(ctx context.Context, f store.ReportFilter) ([]string, error)
}

// ErrQuery is wrapped when a report is asked for in a way that has no answer.
var ErrQuery = errors.New("cannot make this report")

// Query is what a user asks for. Zero values choose the report's defaults.
type Query struct {
	Source, Repo, Image string
	Days                int            // whole days, the last of them today; instead of From and To
	From, To            string         // day (2006-01-02, To's included) or moment (RFC 3339)
	Zone                *time.Location // that days are of; nil is UTC
	Limit               int            // rows at most; 0: the report's own limit, below 0: all
	Unused              int            // days without a pull that make an image stale on the page; 0: 90
	Now                 time.Time
}

// MaxDays is more than any registry has a history of, and keeps dates in the range that every calendar has.
const MaxDays = 36500

// filter makes the span and the zone of a query definite.
func (q Query) filter(defaultDays int) (f store.ReportFilter, err error) {
	f = store.ReportFilter{Source: q.Source, Repo: q.Repo, Image: q.Image, Zone: q.Zone, Limit: int64(max(q.Limit, 0)), To: q.Now}
	if f.Zone == nil {
		f.Zone = time.UTC
	}
	days, err := q.days(defaultDays)
	if err != nil {
		return f, err
	}
	if q.To != "" {
		if f.To, err = moment(q.To, f.Zone, 1); err != nil {
			return f, err
		}
	}
	f.From = midnight(f.To.Add(-1), f.Zone, 1-days)
	if q.From != "" {
		if f.From, err = moment(q.From, f.Zone, 0); err != nil {
			return f, err
		}
	}
	if !f.From.Before(f.To) {
		return f, fmt.Errorf("%w: its span ends (%s) before it begins (%s)", ErrQuery, f.To.Format(time.RFC3339), f.From.Format(time.RFC3339))
	}
	return f, nil
}

// midnight begins the day of a moment in a zone, or one so many days later: at the first moment of that date, which is not 00:00
// where a clock is put forward then, and is the earlier of two where it is put back.
func midnight(t time.Time, zone *time.Location, days int) time.Time {
	y, m, d := t.In(zone).Date()
	noon := time.Date(y, m, d+days, 12, 0, 0, 0, zone)
	at := time.Date(y, m, d+days, 0, 0, 0, 0, zone)
	for before := at.Add(-time.Hour); before.Day() == noon.Day(); before = at.Add(-time.Hour) {
		at = before
	}
	for at.Day() != noon.Day() {
		at = at.Add(time.Hour)
	}
	return at
}

// days is the length asked for, of reports that only know spans that end now as well as of the others.
func (q Query) days(defaultDays int) (int, error) {
	switch {
	case q.Days < 0 || q.Days > MaxDays:
		return 0, fmt.Errorf("%w: days must be from 1 to %d", ErrQuery, MaxDays)
	case q.Days > 0 && (q.From != "" || q.To != ""):
		return 0, fmt.Errorf("%w: it is asked for either a number of days or from and to", ErrQuery)
	case q.Days == 0:
		return defaultDays, nil
	}
	return q.Days, nil
}

// untilNow are the days of a report whose span always ends now.
func (q Query) untilNow(defaultDays int) (int, error) {
	if q.From != "" || q.To != "" {
		return 0, fmt.Errorf("%w: its span ends now; give a number of days instead of from and to", ErrQuery)
	}
	return q.days(defaultDays)
}

// moment reads a day, of which it takes the midnight that many days later, or a moment.
func moment(text string, zone *time.Location, later int) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		y, m, d := t.Date()
		return midnight(time.Date(y, m, d, 12, 0, 0, 0, zone), zone, later), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%w: %q is neither a day such as 2026-01-31 nor a moment such as 2026-01-31T08:00:00Z", ErrQuery, text)
	}
	return t, nil
}

// limited sets the limit of a report that has one of its own.
func limited(f store.ReportFilter, q Query, limit int64) store.ReportFilter {
	if q.Limit == 0 {
		f.Limit = limit
	}
	return f
}
