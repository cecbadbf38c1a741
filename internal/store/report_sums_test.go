package store_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/store"
)

var zones = []string{"UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"}

// Whatever is looked at and whenever, every way to ask for the pulls of all time gives the same sum.
func TestSumsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := connect(t, w.dsn)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		if n > 15 {
			return // a database is asked dozens of questions each time
		}
		repo := fmt.Sprintf("repo-%d", n)
		w.repo.Key.Name = repo
		w.now = start
		counts := map[string]int{}
		for range rapid.IntRange(1, 12).Draw(rt, "looks") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 90*3600).Draw(rt, "seconds")) * time.Second)
			for _, name := range []string{"a", "b", "c"} {
				switch rapid.IntRange(0, 9).Draw(rt, "what") {
				case 0:
					delete(counts, name)
				case 1:
					counts[name] /= 3
				case 2:
					counts[name] -= counts[name] / 4
				case 3, 4, 5:
					counts[name] += rapid.IntRange(0, 1000).Draw(rt, "pulls")
				}
			}
			var list []any
			for name, count := range counts {
				list = append(list, name, count)
			}
			w.look(rapid.SampledFrom([]registry.Evidence{registry.Complete, registry.Drifting}).Draw(rt, "evidence"), images(list...))
		}
		checkSums(rt, conn, repo)
	})
	checkBest(t, conn)
}

// The few best are found without summing up every image; they must be the same that summing up finds.
func checkBest(t *testing.T, conn *pgx.Conn) {
	for _, call := range []string{
		"top_images(NULL, NULL, %s)", "top_images('2026-03-30 13:00Z', '2026-04-05 01:00Z', %s)",
		"top_images('2026-04-01 01:00Z', '2026-04-01 07:00Z', %s)", "top_images('2026-04-01', '2026-04-09', %s)",
		"movers(240, %s)", "movers(232, %s)",
	} {
		for n := 1; n < 40; n += 6 {
			few := fmt.Sprintf("SELECT f::text FROM reporting."+call+" f", fmt.Sprint(n))
			all := fmt.Sprintf("SELECT f::text FROM reporting."+call+" f LIMIT %d", "NULL", n)
			if diff := cmp.Diff(lines(t, conn, all), lines(t, conn, few)); diff != "" {
				t.Errorf("%s (-summing up +shortcut):\n%s", few, diff)
			}
		}
	}
}

func checkSums(rt *rapid.T, conn *pgx.Conn, repo string) {
	sum := func(sql string, args ...any) (total int64) {
		rt.Helper()
		if err := conn.QueryRow(rt.Context(), "SELECT COALESCE(SUM(pulls), 0)::bigint FROM "+sql, args...).Scan(&total); err != nil {
			rt.Fatal(err)
		}
		return total
	}
	want := sum("reporting.pull_history WHERE repo = $1", repo)
	for _, view := range []string{"pulls_daily", "repo_daily"} {
		if got := sum("reporting."+view+" WHERE repo = $1", repo); got != want {
			rt.Errorf("%s: %d pulls, the history has %d", view, got, want)
		}
	}
	middle := "2026-04-0" + fmt.Sprint(rapid.IntRange(1, 9).Draw(rt, "middle"))
	for _, zone := range zones {
		for _, function := range []string{"pulls_by_day", "repo_pulls_by_day"} {
			by := func(from, to string) int64 {
				return sum("reporting."+function+"($1, $2, $3, in_repo => $4)", from, to, zone, repo)
			}
			if got := by("2026-01-01", "2026-12-31"); got != want {
				rt.Errorf("%s in %s: %d pulls, the history has %d", function, zone, got, want)
			}
			before, after := by("2026-01-01", middle), sum("reporting."+function+"($1::date + 1, $2, $3, in_repo => $4)", middle, "2026-12-31", zone, repo)
			if before+after != want {
				rt.Errorf("%s in %s: %d until %s and %d after, the history has %d", function, zone, before, middle, after, want)
			}
		}
	}
}

// days are the rows of pulls_by_day in short form: day, pulls, flag.
func (w *world) days(image, zone, from, to string) []string {
	w.t.Helper()
	return lines(w.t, connect(w.t, w.dsn), `
SELECT format('%s %s %s', to_char(day, 'MM-DD'), COALESCE(pulls::text, '?'), flag)
FROM reporting.pulls_by_day($1, $2, $3, in_image => $4) ORDER BY day`, from, to, zone, image)
}

func (w *world) lookAt(at string, list []registry.Image) {
	w.t.Helper()
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = t.Add(-time.Hour)
	w.look(registry.Complete, list)
}

func (w *world) expectDays(want []string, got []string) {
	w.t.Helper()
	if !slices.Equal(want, got) {
		w.t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestOutageShowsAsGapAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lookAt("2026-03-02T12:00:00Z", images("web", 100))
	w.lookAt("2026-03-03T12:00:00Z", images("web", 100))
	w.lookAt("2026-03-04T00:00:00Z", images("web", 110))
	w.lookAt("2026-03-07T00:00:00Z", images("web", 182)) // the 5th and the 6th nobody looked; 1 pull an hour
	w.lookAt("2026-03-07T12:00:00Z", images("web", 182))
	w.expectDays([]string{
		"03-02 ? observed", "03-03 10 observed", "03-04 24 estimated", "03-05 24 gap", "03-06 24 gap", "03-07 0 observed", "03-08 ? gap",
	}, w.days("web", "UTC", "2026-03-01", "2026-03-08"))
}

func TestDaysOfAZoneHaveTheirOwnLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lookAt("2026-10-24T22:00:00Z", images("web", 0)) // midnight in Berlin, two hours ahead
	w.lookAt("2026-10-26T23:00:00Z", images("web", 49))
	w.expectDays([]string{"10-25 25 estimated", "10-26 24 gap"}, w.days("web", "Europe/Berlin", "2026-10-25", "2026-10-26"))
}

func TestGlitchAddsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lookAt("2026-03-02T10:00:00Z", images("web", 100000))
	w.lookAt("2026-03-02T11:00:00Z", images("web", 0))
	w.lookAt("2026-03-02T12:00:00Z", images("web", 100000))
	conn := connect(t, w.dsn)
	for _, from := range []string{
		"reporting.pull_history", "reporting.pulls_daily", "reporting.repo_daily", "reporting.top_images(NULL, NULL, 10)",
		"reporting.movers(7, 10)", "reporting.pulls_by_day('2026-03-01', '2026-03-31', 'UTC')",
	} {
		if got := lines(t, conn, "SELECT SUM(pulls)::text FROM "+from+" HAVING SUM(pulls) > 0"); len(got) > 0 {
			t.Errorf("%s: %s pulls", from, got[0])
		}
	}
	if got := lines(t, conn, "SELECT event FROM reporting.image_events"); len(got) > 0 {
		t.Errorf("events %q", got)
	}
}

// Counts that a registry made up stay at the largest number in every sum; none wraps, and none fails.
func TestSumsNeverWrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = time.Now().UTC().Truncate(24 * time.Hour).Add(-50 * time.Hour)
	w.look(registry.Complete, images("first", 0))
	pairs := []any{"first", 0}
	for i := range 12 {
		pairs = append(pairs, fmt.Sprintf("new-%d", i), int(1e18))
	}
	w.look(registry.Complete, images(pairs...)) // a look is 12 pulls of 10^18
	w.repo.Key.Name = "second"
	w.look(registry.Complete, images("first", 0))
	w.look(registry.Complete, images(pairs...))
	conn := connect(t, w.dsn)
	const most = "9223372036854775807"
	for sql, want := range map[string][]string{
		"SELECT pulls::text FROM reporting.repo_daily WHERE pulls <> 0":                                                            {most, most},
		"SELECT pull_count::text FROM reporting.repos":                                                                             {most, most},
		"SELECT MAX(pulls)::text FROM reporting.repo_pulls_by_day('-infinity', 'infinity', 'UTC')":                                 {most},
		"SELECT DISTINCT (pulls < 0)::text FROM reporting.pulls_by_day('-infinity', 'infinity', 'Asia/Shanghai') WHERE pulls <> 0": {"false"},
		"SELECT DISTINCT pulls::text FROM reporting.top_images(NULL, NULL, NULL)":                                                  {"1000000000000000000"},
		"SELECT DISTINCT change::text FROM reporting.movers(7, 3)":                                                                 {"1000000000000000000"},
	} {
		if got := lines(t, conn, sql); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	days, err := w.s.Daily(t.Context(), store.ReportFilter{From: w.now.AddDate(0, 0, -3), To: w.now.AddDate(0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var largest int64
	for _, d := range days {
		if d.Pulls != nil {
			largest = max(largest, *d.Pulls)
		}
	}
	if largest != math.MaxInt64 {
		t.Errorf("days: %+v", days)
	}
	sources, err := w.s.Sources(t.Context(), w.now.Add(-24*time.Hour))
	if err != nil || len(sources) != 1 || sources[0].PullCount != math.MaxInt64 {
		t.Errorf("sources: %+v, %v", sources, err)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
	w.verify(true)
	if got := lines(t, conn, "SELECT pulls::text FROM reporting.repo_daily WHERE pulls <> 0"); !slices.Equal(got, []string{most, most}) {
		t.Errorf("after a repair: %q", got)
	}
}
