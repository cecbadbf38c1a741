package report_test

import (
	"context"
	"slices"
	"time"

	"syncer/internal/store"
)

var now = time.Date(2026, 3, 10, 9, 30, 0, 0, time.UTC)

// nasty is what somebody may call an image to reach into a terminal or a page.
const nasty = "<script>alert(1)</script>\x1b[31m\u202e\"'><img src=http://127.0.0.1:%d/x onerror=alert(2)>"

// fake is a source with some rows of every kind. It remembers the filter it was asked with.
type fake struct {
	name  string // of its first image
	asked store.ReportFilter
	empty bool
}

func (f *fake) Top(_ context.Context, filter store.ReportFilter) ([]store.TopRow, error) {
	f.asked = filter
	return rows(f, []store.TopRow{
		{Rank: 1, Source: "default", Repo: "shop", Image: f.name, Pulls: 1234567, PullCount: new(int64(9000000000))},
		{Rank: 2, Source: "default", Repo: "shop", Image: "图像", Pulls: 12, PullCount: nil},
	}), nil
}

func (f *fake) Movers(_ context.Context, _ int, filter store.ReportFilter) ([]store.MoverRow, error) {
	f.asked = filter
	return rows(f, []store.MoverRow{
		{Rank: 1, Source: "default", Repo: "shop", Image: f.name, Pulls: 400, PullsBefore: 32, Change: 368, GrowthPercent: new(1150.0), DaysLookedAt: 7, DaysLookedAtBefore: 5},
		{Rank: 2, Source: "default", Repo: "shop", Image: "web", Pulls: 90, PullsBefore: 100, Change: -10, GrowthPercent: new(-10.0), DaysLookedAt: 7, DaysLookedAtBefore: 5},
		{Rank: 3, Source: "default", Repo: "shop", Image: "fresh", Pulls: 3, Change: 3, DaysLookedAt: 7, DaysLookedAtBefore: 5},
		{Rank: 4, Source: "default", Repo: "shop", Image: "few", Pulls: 3, PullsBefore: 1, Change: 2, DaysLookedAt: 7, DaysLookedAtBefore: 5},
	}), nil
}

func (f *fake) Stale(_ context.Context, days int, filter store.ReportFilter) ([]store.StaleRow, error) {
	f.asked = filter
	return rows(f, []store.StaleRow{{
		Source: "default", Repo: "shop", Image: f.name, PullCount: 1500, LatestTag: &f.name, FirstSeenAt: now.AddDate(0, -6, 0),
		LastPulledAt: new(now.AddDate(0, -4, 0)), DaysWithoutPull: 120, DaysLookedAt: int64(days), DaysTotal: int64(days),
	}}), nil
}

func (f *fake) Daily(_ context.Context, filter store.ReportFilter) ([]store.DayRow, error) {
	f.asked = filter
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	return rows(f, []store.DayRow{
		{Day: day(5), Pulls: new(int64(1000)), Flag: "observed", Parts: 2},
		{Day: day(6), Pulls: new(int64(0)), Flag: "observed", Parts: 2},
		{Day: day(7), Pulls: new(int64(500)), Flag: "gap", Parts: 2, Gaps: 2},
		{Day: day(8), Pulls: nil, Flag: "gap", Parts: 2, Gaps: 2},
		{Day: day(9), Pulls: new(int64(730)), Flag: "estimated", Parts: 2, Gaps: 1},
		{Day: day(10), Pulls: new(int64(20)), Flag: "partial", Parts: 2},
	}), nil
}

func (f *fake) Events(_ context.Context, filter store.ReportFilter) ([]store.EventRow, error) {
	f.asked = filter
	return rows(f, []store.EventRow{
		{At: now.Add(-time.Hour), Source: "default", Repo: "shop", Image: &f.name, Event: "tag_pushed", OldValue: new("v1"), NewValue: &f.name},
		{At: now.Add(-2 * time.Hour), Source: "default", Repo: "shop", Event: "held", NewValue: new("40")},
	}), nil
}

func (f *fake) Coverage(_ context.Context, filter store.ReportFilter) ([]store.CoverageRow, error) {
	f.asked = filter
	return rows(f, []store.CoverageRow{
		{Source: "default", Repo: f.name, Days: 30, DaysLookedAt: 27, DaysComplete: 26, LongestGap: 2, Looks: 640,
			LastCompleteSyncAt: new(now.Add(-50 * time.Hour)), LastStatus: new("failed"), LastError: &f.name},
		{Source: "default", Repo: "shop", Days: 30, DaysLookedAt: 30, DaysComplete: 30, Looks: 720,
			LastCompleteSyncAt: new(now.Add(-time.Hour)), LastStatus: new("ok")},
	}), nil
}

func (f *fake) Repos(context.Context) ([]store.RepoRow, error) {
	return rows(f, []store.RepoRow{
		{Source: "default", Repo: f.name, Images: 1, PullCount: 1<<63 - 1},
		{Source: "default", Repo: "shop", Images: 4, PullCount: 9001500190},
	}), nil
}

func (f *fake) ImageNames(_ context.Context, filter store.ReportFilter) ([]string, error) {
	all := rows(f, []string{"shop-frontend", "web", "图像"})
	if filter.Image != "" {
		all = slices.DeleteFunc(all, func(name string) bool { return name != filter.Image })
	}
	return all, nil
}

func rows[T any](f *fake, list []T) []T {
	if f.empty {
		return nil
	}
	return list
}
