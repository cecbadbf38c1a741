package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// quarter is ten days of two images, the last of them today. Their second repo was not looked at for three days.
func quarter(t *testing.T) (*world, time.Time) {
	w := newWorld(t)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for day := -10; day < 0; day++ {
		at := today.AddDate(0, 0, day).Add(12 * time.Hour).Format(time.RFC3339)
		w.repo.Key.Name = "one"
		w.lookAt(at, images("busy", 1000+(day+10)*(day+10), "idle", 5))
		if day < -6 || day > -4 {
			w.repo.Key.Name = "two"
			w.lookAt(at, images("slow", 100+day, "idle", 5))
		}
	}
	return w, today
}

func TestReportReads(t *testing.T) {
	t.Parallel()
	w, today := quarter(t)
	all := store.ReportFilter{From: today.AddDate(0, 0, -30), To: today, Zone: time.UTC}
	ignore := cmpopts.IgnoreFields(store.CoverageRow{}, "FirstSeenAt", "LastCompleteSyncAt", "LastAttemptAt")

	top, err := w.s.Top(t.Context(), all)
	compare(t, "top", err, []store.TopRow{
		{Rank: 1, Source: "default", Repo: "one", Image: "busy", Pulls: 81, PullCount: new(int64(1081))},
		{Rank: 2, Source: "default", Repo: "two", Image: "slow", Pulls: 9, PullCount: new(int64(99))},
	}, top)
	two := all
	two.Repo, two.Limit = "two", 1
	top, err = w.s.Top(t.Context(), two)
	compare(t, "top of a repo", err, []store.TopRow{
		{Rank: 1, Source: "default", Repo: "two", Image: "slow", Pulls: 9, PullCount: new(int64(99))},
	}, top)

	stale, err := w.s.Stale(t.Context(), 7, all)
	if err != nil || len(stale) != 1 || stale[0].Repo != "one" || stale[0].Image != "idle" || stale[0].DaysLookedAt != 7 {
		t.Errorf("stale: %+v, %v; repo two was not looked at throughout", stale, err)
	}

	coverage, err := w.s.Coverage(t.Context(), store.ReportFilter{From: all.From, To: today})
	compare(t, "coverage", err, []store.CoverageRow{
		{Source: "default", Repo: "two", Days: 10, DaysLookedAt: 7, DaysComplete: 7, LongestGap: 3, Looks: 7, LastStatus: new("ok")},
		{Source: "default", Repo: "one", Days: 10, DaysLookedAt: 10, DaysComplete: 10, Looks: 10, LastStatus: new("ok")},
	}, coverage, ignore)
}

func TestReportMovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().UTC()
	at := func(days int) string { return now.AddDate(0, 0, -days).Format(time.RFC3339) }
	w.lookAt(at(20), images("a", 0, "b", 0, "c", 0))
	w.lookAt(at(10), images("a", 100, "b", 1, "c", 50))
	w.lookAt(at(1), images("a", 150, "b", 4, "c", 300))
	movers, err := w.s.Movers(t.Context(), 7, store.ReportFilter{})
	compare(t, "movers", err, []store.MoverRow{
		{Rank: 1, Source: "default", Repo: "ucloud", Image: "c", Pulls: 250, PullsBefore: 50, Change: 200, GrowthPercent: new(400.0)},
		{Rank: 2, Source: "default", Repo: "ucloud", Image: "a", Pulls: 50, PullsBefore: 100, Change: -50, GrowthPercent: new(-50.0)},
		{Rank: 3, Source: "default", Repo: "ucloud", Image: "b", Pulls: 3, PullsBefore: 1, Change: 2},
	}, movers, cmpopts.IgnoreFields(store.MoverRow{}, "DaysLookedAt", "DaysLookedAtBefore"))
}

// Days mean the same in every report: a pull early on the first of them counts, one late on the day before does not.
func TestMoversAndTopSpeakOfTheSameDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	at := func(days int, offset time.Duration) string {
		return today.AddDate(0, 0, -days).Add(offset).Format(time.RFC3339)
	}
	w.lookAt(at(20, 0), images("a", 0))
	w.lookAt(at(10, 0), images("a", 1000))
	w.lookAt(at(6, -time.Second), images("a", 1010)) // of the day before
	w.lookAt(at(6, time.Second), images("a", 1110))  // of the first day
	w.lookAt(at(1, 0), images("a", 1115))
	movers, err := w.s.Movers(t.Context(), 7, store.ReportFilter{})
	if err != nil || len(movers) != 1 {
		t.Fatal(movers, err)
	}
	top, err := w.s.Top(t.Context(), store.ReportFilter{From: today.AddDate(0, 0, -6), To: time.Now()})
	if err != nil || len(top) != 1 || top[0].Pulls != 105 || movers[0].Pulls != 105 {
		t.Errorf("top says %+v, movers %+v, want 105 pulls, %v", top, movers, err)
	}
	// The seventh day before today's is compared up to this time of day.
	if before := movers[0].PullsBefore; before != 1000 && before != 1010 {
		t.Errorf("%d pulls before, want 1000 or, at the very end of a day, 1010", before)
	}
	if movers[0].DaysLookedAt != 2 {
		t.Errorf("%d days looked at, want 2", movers[0].DaysLookedAt)
	}
}

func TestReportDaysAddUpTheirParts(t *testing.T) {
	t.Parallel()
	w, today := quarter(t)
	f := store.ReportFilter{From: today.AddDate(0, 0, -6), To: today.Add(1), Zone: time.UTC}
	days, err := w.s.Daily(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	// Looks at noon: half of each window lies on the day before. Repo two has no look for three days from here on.
	want := []store.DayRow{
		{Day: today.AddDate(0, 0, -6), Pulls: new(int64(4 + 4 + 1)), Flag: "estimated", Parts: 2, Gaps: 1},
		{Day: today.AddDate(0, 0, -5), Pulls: new(int64(5 + 5 + 1)), Flag: "estimated", Parts: 2, Gaps: 1},
	}
	compare(t, "days", nil, want, days[:2])
	if last := days[len(days)-1]; last.Flag != "partial" || !last.Day.Equal(today) || last.Pulls != nil {
		t.Errorf("today is %+v", last)
	}
	f.Repo, f.Image = "two", "slow"
	if days, err = w.s.Daily(t.Context(), f); err != nil || days[0].Flag != "gap" || days[0].Parts != 1 {
		t.Errorf("day without a look: %+v, %v", days, err)
	}
	// PostgreSQL reads the sign of an offset the other way round than everybody else.
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	f.Repo, f.Image, f.Zone = "", "", shanghai
	named, err := w.s.Daily(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	f.Zone = time.FixedZone("+08:00", 8*3600)
	byOffset, err := w.s.Daily(t.Context(), f)
	compare(t, "days of +08:00", err, named, byOffset)
	if cmp.Equal(named, days) {
		t.Error("days of Asia/Shanghai are those of UTC: this shows nothing")
	}
	f.Zone = time.FixedZone("-03:30", -(3*3600 + 1800))
	if days, err = w.s.Daily(t.Context(), f); err != nil || len(days) == 0 {
		t.Errorf("days of -03:30: %v, %v", days, err)
	}
}

func TestReportEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("a", 100, "b", 1))
	list := images("a", 10, "b", 1, "c", 7)
	list[0].LatestTag = "v2"
	w.look(registry.Complete, list)
	w.now = w.now.Add(5 * time.Hour) // a fall is believed after six hours
	w.look(registry.Complete, list)
	events, err := w.s.Events(t.Context(), store.ReportFilter{From: start, To: w.now.Add(time.Hour)})
	compare(t, "events", err, []store.EventRow{
		{Image: new("a"), Event: "reset", OldValue: new("100"), NewValue: new("10")},
		{Image: new("a"), Event: "tag_pushed", OldValue: new("v1"), NewValue: new("v2")},
		{Image: new("c"), Event: "appeared", NewValue: new("v1")},
	}, events, cmpopts.IgnoreFields(store.EventRow{}, "At", "Source", "Repo"))
}

func compare[T any](t *testing.T, what string, err error, want, got T, opts ...cmp.Option) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
