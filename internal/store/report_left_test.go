package store_test

import (
	"testing"
	"time"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// leaves lets two complete listings lack the repo, the second an hour after the first, which is at a moment.
func (w *world) leaves(at string) {
	w.t.Helper()
	first, err := time.Parse(time.RFC3339, at)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range 2 {
		w.now = first.Add(time.Duration(i) * time.Hour)
		run := w.begin()
		err := run.Record(w.t.Context(), []registry.RepoSync{w.absent(w.repo.Key.Name)})
		run.Close()
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

const (
	repoDailySQL = `SELECT format('%s %s images %s looks', to_char(day, 'MM-DD'), images, looks) FROM reporting.repo_daily ORDER BY day`
	repoDaysSQL  = `SELECT format('%s %s %s', to_char(day, 'MM-DD'), COALESCE(pulls::text, '?'), flag) FROM reporting.repo_pulls_by_day('2031-03-01', '2031-03-31', 'UTC') ORDER BY day`
)

// A repo that leaves and comes back, twice: while it is away it has no days, and none of them is a gap.
func TestRepoThatLeftHasNoDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := connect(t, w.dsn)
	w.lookAt("2031-03-01T12:00:00Z", images("a", 5, "b", 7))
	w.leaves("2031-03-02T10:00:00Z")
	w.repo.Key.Name = "stays"
	w.lookAt("2031-03-09T12:00:00Z", images("other", 5))
	w.repo.Key.Name = "ucloud"
	w.expectDays([]string{"03-01 2 images 1 looks", "03-02 0 images 1 looks"}, lines(t, conn,
		`SELECT format('%s %s images %s looks', to_char(day, 'MM-DD'), images, looks) FROM reporting.repo_daily WHERE repo = 'ucloud' ORDER BY day`))
	w.expectDays([]string{"03-01 0 observed", "03-02 0 observed"}, lines(t, conn,
		`SELECT format('%s %s %s', to_char(day, 'MM-DD'), COALESCE(pulls::text, '?'), flag) FROM reporting.repo_pulls_by_day('2031-03-01', '2031-03-09', 'UTC', in_repo => 'ucloud') ORDER BY day`))
	w.expectDays([]string{"03-01 ? observed", "03-02 0 observed"}, w.days("a", "UTC", "2031-03-01", "2031-03-09"))
	w.exec("DELETE FROM syncer.repos WHERE name = 'stays'")

	w.lookAt("2031-03-05T00:00:00Z", images("a", 65)) // 60 pulls in the 84 hours since it was counted
	w.lookAt("2031-03-06T12:00:00Z", images("a", 65))
	w.leaves("2031-03-06T13:00:00Z")
	w.lookAt("2031-03-09T12:00:00Z", images("a", 65))
	w.lookAt("2031-03-11T12:00:00Z", images("a", 65))
	w.expectDays([]string{
		"03-01 2 images 1 looks", "03-02 0 images 1 looks", "03-05 1 images 1 looks", "03-06 0 images 2 looks", "03-09 1 images 1 looks",
		"03-10 1 images 0 looks", "03-11 1 images 1 looks",
	}, lines(t, conn, repoDailySQL))
	w.expectDays([]string{
		"03-01 9 estimated", "03-02 17 estimated", "03-03 17 estimated", "03-04 17 estimated", "03-05 0 observed", "03-06 0 observed",
		"03-09 0 observed", "03-10 0 gap", "03-11 0 partial",
	}, lines(t, conn, repoDaysSQL))
	from := time.Date(2031, 3, 1, 0, 0, 0, 0, time.UTC)
	coverage, err := w.s.Coverage(t.Context(), store.ReportFilter{From: from, To: from.AddDate(0, 0, 11)})
	if err != nil || len(coverage) != 1 || coverage[0].Days != 7 || coverage[0].DaysLookedAt != 6 || coverage[0].LongestGap != 1 {
		t.Errorf("coverage %+v, %v", coverage, err)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// A repo that nothing names any more ends there. Its images were not seen to go, so when it is named again the days between count
// as days on which nobody looked.
func TestRepoThatIsNotConfiguredHasNoDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := connect(t, w.dsn)
	w.lookAt("2031-03-01T12:00:00Z", images("a", 5))
	w.repo.Key.Name = "other"
	w.lookAt("2031-03-05T12:00:00Z", images("x", 5))
	run := w.begin()
	if err := run.Configured(t.Context(), "default", []registry.RepoKey{w.repo.Key}, time.Date(2031, 3, 2, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	run.Close()
	const rows = `SELECT format('%s %s', to_char(day, 'MM-DD'), looks) FROM reporting.repo_daily WHERE repo = 'ucloud' ORDER BY day`
	w.expectDays([]string{"03-01 1", "03-02 0"}, lines(t, conn, rows))
	w.expectDays([]string{"03-01 ? observed", "03-02 ? gap"}, w.days("a", "UTC", "2031-03-01", "2031-03-31"))
	w.repo.Key.Name = "ucloud"
	w.lookAt("2031-03-04T12:00:00Z", images("a", 5))
	w.expectDays([]string{"03-01 1", "03-02 0", "03-03 0", "03-04 1", "03-05 0"}, lines(t, conn, rows))
}

// V2: the days of a repo begin with its first look, also when that saw an empty list.
func TestRepoThatWasEmptyAtFirstHasItsDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lookAt("2031-03-01T12:00:00Z", nil)
	w.lookAt("2031-03-02T12:00:00Z", nil)
	conn := connect(t, w.dsn)
	w.expectDays([]string{"03-01 0 observed", "03-02 0 partial"}, lines(t, conn, repoDaysSQL))
	w.lookAt("2031-03-04T00:00:00Z", images("a", 36))
	w.lookAt("2031-03-05T00:00:00Z", images("a", 36))
	w.expectDays([]string{"03-01 0 observed", "03-02 12 estimated", "03-03 24 gap", "03-04 0 observed", "03-05 0 partial"}, lines(t, conn, repoDaysSQL))
}

// A daily archive late in the evening: its days in another zone are those after, and none of them is a gap.
func TestArchivedLooksAreNoGapInAnyZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for day := range 7 {
		at := time.Date(2026, 3, 1+day, 23, 30, 0, 0, time.UTC)
		w.load(registry.Observation{Repo: w.repo, At: at, Image: registry.Image{Name: "web", PullCount: int64(10 * day), Counted: true}})
	}
	for zone, days := range map[string][2]string{
		"UTC": {"2026-03-01", "2026-03-07"}, "Asia/Shanghai": {"2026-03-02", "2026-03-08"}, "America/New_York": {"2026-03-01", "2026-03-07"},
	} {
		for _, function := range []string{"pulls_by_day", "repo_pulls_by_day"} {
			got := lines(t, connect(t, w.dsn), "SELECT format('%s days, %s gaps', count(*), count(*) FILTER (WHERE flag = 'gap')) FROM reporting."+function+"($1, $2, $3)", days[0], days[1], zone)
			if got[0] != "7 days, 0 gaps" {
				t.Errorf("%s in %s: %s", function, zone, got[0])
			}
		}
	}
}
