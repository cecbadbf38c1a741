package report

import (
	"context"
	"fmt"
	"time"

	"syncer/internal/store"
)

// Days that a report is about unless the user says otherwise, and rows it has.
const (
	defaultDays  = 30
	defaultMoves = 7
	defaultStale = 90
	defaultRows  = 20
	eventRows    = 100
)

// Defaults are the days and the rows of the report of that name unless the user says otherwise; 0 rows: all.
func Defaults(name string) (days, rows int) {
	switch name {
	case "top":
		return defaultDays, defaultRows
	case "movers":
		return defaultMoves, defaultRows
	case "stale":
		return defaultStale, 0
	case "events":
		return defaultDays, eventRows
	default:
		return defaultDays, 0
	}
}

// Flags of a day.
const (
	flagObserved  = "observed"
	flagEstimated = "estimated"
	flagGap       = "gap"
	flagPartial   = "partial"
)

// Names lists the reports that Make can make.
func Names() []string { return []string{"top", "movers", "stale", "daily", "events", "coverage"} }

// Make makes the report of that name. It fails with ErrQuery when there is none, or none that the query fits.
func Make(ctx context.Context, src Source, name string, q Query) (*Table, error) {
	makers := map[string]func(context.Context, Source, Query) (*Table, error){
		"top": top, "movers": movers, "stale": stale, "daily": daily, "events": events, "coverage": coverage,
	}
	maker, ok := makers[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q is none of %v", ErrQuery, name, Names())
	}
	t, err := maker(ctx, src, q)
	if err != nil {
		return nil, err
	}
	t.Name = name
	if len(t.Rows) == 0 {
		t.Notes = append([]string{"Nothing to report."}, t.Notes...)
	}
	return t, nil
}

func top(ctx context.Context, src Source, q Query) (*Table, error) {
	f, err := q.filter(defaultDays)
	if err != nil {
		return nil, err
	}
	rows, err := src.Top(ctx, limited(f, q, defaultRows))
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: "Most pulled images, " + span(f),
		Columns: []Column{
			{"rank", "#"}, {"source", "source"}, {"repo", "repo"}, {"image", "image"}, {"pulls", "pulls"}, {"days", "pulls per day"},
			{"pull_count", "counter"},
		},
		Notes: []string{"A day on which nobody looked is a dot; its pulls are estimated from the looks around it."},
	}
	for _, r := range rows {
		days, err := seriesOf(ctx, src, f, r)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, []any{r.Rank, r.Source, r.Repo, r.Image, r.Pulls, days, r.PullCount})
	}
	return t, nil
}

// seriesOf are the days of one image.
func seriesOf(ctx context.Context, src Source, f store.ReportFilter, r store.TopRow) (series, error) {
	f.Source, f.Repo, f.Image, f.Limit = r.Source, r.Repo, r.Image, 0
	days, err := src.Daily(ctx, f)
	return days, err
}

func movers(ctx context.Context, src Source, q Query) (*Table, error) {
	days, err := q.untilNow(defaultMoves)
	if err != nil {
		return nil, err
	}
	f, err := q.filter(days)
	if err != nil {
		return nil, err
	}
	rows, err := src.Movers(ctx, days, limited(f, q, defaultRows))
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: fmt.Sprintf("Images whose pulls changed most, last %d days (UTC, with today so far) against the %d before", days, days),
		Columns: []Column{
			{"rank", "#"}, {"source", "source"}, {"repo", "repo"}, {"image", "image"}, {"pulls", "pulls"}, {"pulls_before", "before"},
			{"change", "change"}, {"growth_percent", "growth"}, {"days_looked_at", "days seen"}, {"days_looked_at_before", "before that"},
		},
		Notes: []string{"Growth is left out where fewer than 10 pulls stand against it. Days seen: days on which the repo was looked at."},
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, []any{
			r.Rank, r.Source, r.Repo, r.Image, r.Pulls, r.PullsBefore, r.Change, percent{r.GrowthPercent, r.PullsBefore == 0},
			r.DaysLookedAt, r.DaysLookedAtBefore,
		})
	}
	return t, nil
}

func stale(ctx context.Context, src Source, q Query) (*Table, error) {
	days, err := q.untilNow(defaultStale)
	if err != nil {
		return nil, err
	}
	f, err := q.filter(days)
	if err != nil {
		return nil, err
	}
	rows, err := src.Stale(ctx, days, f)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: fmt.Sprintf("Images that nobody pulled for %d days", days),
		Columns: []Column{
			{"source", "source"}, {"repo", "repo"}, {"image", "image"}, {"pull_count", "counter"}, {"latest_tag", "latest tag"},
			{"days_without_pull", "days without"}, {"last_pulled_at", "last pulled"}, {"first_seen_at", "first seen"},
			{"days_looked_at", "days seen"}, {"days_total", "of"},
		},
		Notes: []string{"Only images of repos that were looked at on each of these days. No last pull: none since first seen."},
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, []any{
			r.Source, r.Repo, r.Image, r.PullCount, r.LatestTag, r.DaysWithoutPull, r.LastPulledAt, r.FirstSeenAt, r.DaysLookedAt, r.DaysTotal,
		})
	}
	return t, nil
}

func daily(ctx context.Context, src Source, q Query) (*Table, error) {
	f, err := q.filter(defaultDays)
	if err != nil {
		return nil, err
	}
	rows, err := src.Daily(ctx, f)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: fmt.Sprintf("Pulls per day, %s  %s", span(f), spark(rows, 2*sparkWidth)),
		Columns: []Column{
			{"day", "day"}, {"pulls", "pulls"}, {"flag", "how known"}, {"parts", "parts"}, {"gaps", "not looked at"},
		},
		Notes: []string{
			"gap: nobody looked; pulls then come from the looks around. estimated: the time between two looks held a midnight. partial: not over.",
		},
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, []any{calendarDay(r.Day), r.Pulls, r.Flag, r.Parts, r.Gaps})
	}
	return t, nil
}

func events(ctx context.Context, src Source, q Query) (*Table, error) {
	f, err := q.filter(defaultDays)
	if err != nil {
		return nil, err
	}
	rows, err := src.Events(ctx, limited(f, q, eventRows))
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: "Events, " + span(f),
		Columns: []Column{
			{"at", "seen at"}, {"source", "source"}, {"repo", "repo"}, {"image", "image"}, {"event", "event"}, {"old_value", "before"},
			{"new_value", "after"},
		},
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, []any{r.At, r.Source, r.Repo, r.Image, r.Event, r.OldValue, r.NewValue})
	}
	return t, nil
}

func coverage(ctx context.Context, src Source, q Query) (*Table, error) {
	q.Zone = time.UTC
	f, err := q.filter(defaultDays)
	if err != nil {
		return nil, err
	}
	if q.Image != "" {
		return nil, fmt.Errorf("%w: looks are at repos; coverage knows no single image", ErrQuery)
	}
	rows, err := src.Coverage(ctx, f)
	if err != nil {
		return nil, err
	}
	t := &Table{
		Title: "How well repos were looked at, " + span(f),
		Columns: []Column{
			{"source", "source"}, {"repo", "repo"}, {"days", "days"}, {"days_looked_at", "seen"}, {"days_complete", "complete"},
			{"longest_gap", "longest gap"}, {"looks", "looks"}, {"last_complete_sync_at", "last complete"}, {"last_status", "status"},
			{"last_error", "error"},
		},
		Notes: []string{"Days are those of UTC since the repo is known."},
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, []any{
			r.Source, r.Repo, r.Days, r.DaysLookedAt, r.DaysComplete, r.LongestGap, r.Looks, r.LastCompleteSyncAt, r.LastStatus, r.LastError,
		})
	}
	return t, nil
}

// span is the filter's in words.
func span(f store.ReportFilter) string {
	return fmt.Sprintf("%s to %s (%s)", f.From.In(f.Zone).Format(time.DateOnly), f.To.Add(-1).In(f.Zone).Format(time.DateOnly), f.Zone)
}
