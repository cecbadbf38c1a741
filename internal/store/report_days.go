package store

import (
	"context"
	"time"
)

// DayRow is a day of everything a report is about.
type DayRow struct {
	Day   time.Time // midnight UTC stands for the day
	Pulls *int64    // nil: not known
	Flag  string    // observed, estimated, gap (nobody looked at any of it) or partial (today)
	Parts int64     // repos, or images when an image was asked for, that the day adds up
	Gaps  int64     // those of them that nobody looked at
}

// Daily are the pulls of each day of the span, days without a look included.
func (s *Store) Daily(ctx context.Context, f ReportFilter) ([]DayRow, error) {
	first, last := f.days()
	const total = `
SELECT day, CASE WHEN SUM(pulls) < 9223372036854775807 THEN SUM(pulls)::bigint
                 WHEN SUM(pulls) IS NOT NULL THEN 9223372036854775807 END AS pulls,
    CASE WHEN bool_or(flag = 'partial') THEN 'partial'
         WHEN bool_and(flag = 'gap') THEN 'gap'
         WHEN bool_or(flag IN ('gap', 'estimated')) THEN 'estimated'
         ELSE 'observed' END AS flag,
    COUNT(*) AS parts, COUNT(*) FILTER (WHERE flag = 'gap') AS gaps
`
	if f.Image == "" {
		return collect[DayRow](ctx, s, "read pulls by day", "\n-- name: ReportRepoDays"+total+
			"FROM reporting.repo_pulls_by_day($3, $4, $5, $1, $2) GROUP BY day ORDER BY day",
			optional(f.Source), optional(f.Repo), first, last, f.tz())
	}
	return collect[DayRow](ctx, s, "read pulls by day", "\n-- name: ReportImageDays"+total+
		"FROM reporting.pulls_by_day($4, $5, $6, $1, $2, $3) GROUP BY day ORDER BY day", f.args(first, last, f.tz())...)
}

// CoverageRow is how well a repo was looked at.
type CoverageRow struct {
	Source             string
	ProjectID          string
	Repo               string
	Days               int64 // UTC days of the span since the repo is known
	DaysLookedAt       int64
	DaysComplete       int64 // days with a look that proves absence
	LongestGap         int64 // days in a row without a look
	Looks              int64
	FirstSeenAt        *time.Time
	LastCompleteSyncAt *time.Time
	LastAttemptAt      *time.Time
	LastStatus         *string
	LastError          *string
}

// Coverage tells for each repo on how many of its UTC days in the span it was looked at, the worst first.
func (s *Store) Coverage(ctx context.Context, f ReportFilter) ([]CoverageRow, error) {
	f.Zone = time.UTC
	first, last := f.days()
	return collect[CoverageRow](ctx, s, "read coverage", `
-- name: ReportCoverage
WITH days AS (
    SELECT source, repo, day, looks, complete_looks,
        -- Days without a look that follow each other share the number of days with one before them.
        COUNT(*) FILTER (WHERE looks > 0) OVER (PARTITION BY source, repo ORDER BY day) AS gap
    FROM reporting.repo_daily
    WHERE day BETWEEN $3 AND $4 AND ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR repo = $2)
), gaps AS (
    SELECT source, repo, MAX(n) AS longest
    FROM (SELECT source, repo, COUNT(*) AS n FROM days WHERE looks = 0 GROUP BY source, repo, gap) g
    GROUP BY source, repo
), sums AS (
    SELECT source, repo, COUNT(*) AS days, COUNT(*) FILTER (WHERE looks > 0) AS looked_at,
        COUNT(*) FILTER (WHERE complete_looks > 0) AS complete, SUM(looks)::bigint AS looks
    FROM days
    GROUP BY source, repo
)
SELECT r.source, r.project_id, r.repo, COALESCE(s.days, 0) AS days, COALESCE(s.looked_at, 0) AS days_looked_at,
    COALESCE(s.complete, 0) AS days_complete, COALESCE(g.longest, 0) AS longest_gap, COALESCE(s.looks, 0) AS looks,
    r.first_seen_at, r.last_complete_sync_at, r.last_attempt_at, r.last_status, r.last_error
FROM reporting.repos r
LEFT JOIN sums s ON s.source = r.source AND s.repo = r.repo
LEFT JOIN gaps g ON g.source = r.source AND g.repo = r.repo
WHERE ($1::text IS NULL OR r.source = $1) AND ($2::text IS NULL OR r.repo = $2)
ORDER BY COALESCE(s.days, 0) - COALESCE(s.looked_at, 0) DESC, r.last_complete_sync_at NULLS FIRST, r.source, r.repo
LIMIT $5`, optional(f.Source), optional(f.Repo), first, last, f.limit())
}
