package store

import (
	"context"
	"time"
)

// Reports read the views and functions of schema reporting only: a role that may read nothing else can make them.

// ReportFilter chooses what a report is about. Empty names choose everything.
type ReportFilter struct {
	Source, Repo, Image string
	From, To            time.Time      // from From to before To; for reports by day every day that holds some of that
	Zone                *time.Location // that days are of; nil: UTC
	Limit               int64          // rows at most; 0: all
}

// args are the filter's arguments $1 to $3 of every query.
func (f ReportFilter) args(more ...any) []any {
	return append([]any{optional(f.Source), optional(f.Repo), optional(f.Image)}, more...)
}

// limit is the argument of LIMIT; nil is no limit.
func (f ReportFilter) limit() any {
	if f.Limit <= 0 {
		return nil
	}
	return f.Limit
}

// days are the first and last day of the filter in its zone.
func (f ReportFilter) days() (first, last time.Time) {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(f.location()).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return day(f.From), day(f.To.Add(-1))
}

func (f ReportFilter) location() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// tz names the zone to PostgreSQL. A fixed offset is a POSIX zone there, whose sign says how far UTC is ahead of it.
func (f ReportFilter) tz() string {
	name := f.location().String()
	if _, err := time.Parse("-07:00", name); err != nil {
		return name
	}
	sign := "-"
	if name[0] == '-' {
		sign = "+"
	}
	return "<" + name + ">" + sign + name[1:]
}

// TopRow is an image with its pulls in a span.
type TopRow struct {
	Rank      int64
	Source    string
	ProjectID string
	Repo      string
	Image     string
	Pulls     int64
	PullCount *int64 // the count now; nil when none could ever be read
}

// Top are the images with the most pulls noticed from From to before To.
func (s *Store) Top(ctx context.Context, f ReportFilter) ([]TopRow, error) {
	first := f.limit()
	if f.Source != "" || f.Repo != "" || f.Image != "" {
		first = nil // the best of what is asked for need not be among the best of all
	}
	return collect[TopRow](ctx, s, "read top images", `
-- name: ReportTop
SELECT ROW_NUMBER() OVER (ORDER BY rank) AS rank, source, project_id, repo, image, pulls, pull_count
FROM reporting.top_images($4, $5, $6)
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2) AND ($3::text IS NULL OR image = $3)
ORDER BY 1
LIMIT $7`, f.args(f.From, f.To, first, f.limit())...)
}

// MoverRow is an image whose pulls changed.
type MoverRow struct {
	Rank               int64
	Source             string
	ProjectID          string
	Repo               string
	Image              string
	Pulls              int64
	PullsBefore        int64
	Change             int64
	GrowthPercent      *float64 // nil when too few were pulled before to speak of percents
	DaysLookedAt       int64
	DaysLookedAtBefore int64
}

// Movers are the images whose pulls of the last days differ most from those of as many days before.
func (s *Store) Movers(ctx context.Context, days int, f ReportFilter) ([]MoverRow, error) {
	first := f.limit()
	if f.Source != "" || f.Repo != "" || f.Image != "" {
		first = nil
	}
	return collect[MoverRow](ctx, s, "read movers", `
-- name: ReportMovers
SELECT ROW_NUMBER() OVER (ORDER BY rank) AS rank, source, project_id, repo, image, pulls, pulls_before, change, growth_percent,
    days_looked_at, days_looked_at_before
FROM reporting.movers($4, $5)
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2) AND ($3::text IS NULL OR image = $3)
ORDER BY 1
LIMIT $6`, f.args(days, first, f.limit())...)
}

// StaleRow is an image that nobody pulls.
type StaleRow struct {
	Source          string
	ProjectID       string
	Repo            string
	Image           string
	PullCount       int64
	LatestTag       *string
	FirstSeenAt     time.Time
	LastSeenAt      *time.Time
	LastPulledAt    *time.Time // nil when no pull was ever noticed
	DaysWithoutPull int64
	DaysLookedAt    int64
	DaysTotal       int64
}

// Stale are the images that were looked at on each of the last days and of which no pull was noticed, longest first.
func (s *Store) Stale(ctx context.Context, days int, f ReportFilter) ([]StaleRow, error) {
	return collect[StaleRow](ctx, s, "read stale images", `
-- name: ReportStale
SELECT source, project_id, repo, image, pull_count, latest_tag, first_seen_at, last_seen_at, last_pulled_at, days_without_pull,
    days_looked_at, days_total
FROM reporting.stale_images($4)
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2) AND ($3::text IS NULL OR image = $3)
ORDER BY COALESCE(last_pulled_at, first_seen_at), source, repo, image
LIMIT $5`, f.args(days, f.limit())...)
}

// EventRow is something that happened to an image, or to a whole repo.
type EventRow struct {
	At        time.Time
	Source    string
	ProjectID string
	Repo      string
	Image     *string // nil for an event of the repo
	Event     string
	OldValue  *string
	NewValue  *string
}

// Events are what happened from From to before To, newest first.
func (s *Store) Events(ctx context.Context, f ReportFilter) ([]EventRow, error) {
	return collect[EventRow](ctx, s, "read events", `
-- name: ReportEvents
SELECT * FROM (
    SELECT at, source, project_id, repo, image, event, old_value, new_value FROM reporting.image_events
    WHERE at >= $4 AND at < $5
    UNION ALL
    SELECT at, source, project_id, repo, NULL, event, old_value, new_value FROM reporting.repo_events
    WHERE at >= $4 AND at < $5
) e
WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2) AND ($3::text IS NULL OR image = $3)
ORDER BY at DESC, source, repo, image
LIMIT $6`, f.args(f.From, f.To, f.limit())...)
}
