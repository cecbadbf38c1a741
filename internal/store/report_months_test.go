package store_test

import (
	"testing"
	"time"

	"syncer/internal/registry"
)

// A report of some days must not read the years before and after.
func TestReportsReadOnlyTheMonthsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().UTC()
	for months := 14; months >= 0; months-- {
		w.now = now.AddDate(0, 0, -30*months).Add(-time.Hour)
		w.look(registry.Complete, images("web", 100-months, "api", 10))
	}
	month := func(days int) string { return now.AddDate(0, 0, -days).Format("y2006m01") }
	for sql, days := range map[string]int{
		"SELECT * FROM reporting.top_images(now() - interval '30 days', now(), 5)":                      30,
		"SELECT * FROM reporting.top_images(now() - interval '30 days', now(), NULL)":                   30,
		"SELECT * FROM reporting.movers(7, 5)":                                                          14,
		"SELECT * FROM reporting.stale_images(90)":                                                      -1,
		"SELECT * FROM reporting.images":                                                                -1,
		"SELECT * FROM reporting.repo_daily WHERE day > now()::date - 90":                               -1,
		"SELECT * FROM reporting.pulls_daily WHERE image = 'web' AND day > now()::date - 40":            40,
		"SELECT * FROM reporting.pull_history WHERE observed_at > now() - interval '50 days'":           50,
		"SELECT * FROM reporting.pulls_by_day(now()::date - 20, now()::date, 'UTC', in_image => 'web')": 21,
		"SELECT * FROM reporting.repo_pulls_by_day(now()::date - 20, now()::date, 'Asia/Shanghai')":     22,
		"SELECT * FROM reporting.image_events WHERE event = 'reset' AND at > now() - interval '3 days'": 3,
	} {
		conn := connect(t, w.dsn) // its own: the counters below are those of a session
		if _, err := conn.Exec(t.Context(), "BEGIN; "+sql); err != nil {
			t.Fatal(err)
		}
		read := lines(t, conn, `
SELECT DISTINCT substring(c.relname from 'y\d{4}m\d\d') AS month
FROM pg_class c
WHERE c.relnamespace = 'syncer'::regnamespace AND c.relname ~ '^(readings|image_days)_y\d{4}m\d\d' AND pg_stat_get_xact_numscans(c.oid) > 0
ORDER BY 1`)
		allowed := map[string]bool{}
		for d := 0; d <= days; d++ {
			allowed[month(d)] = true
		}
		for _, m := range read {
			if !allowed[m] {
				t.Errorf("%s\nreads %s: %v", sql, m, read)
			}
		}
		if days > 0 && len(read) == 0 {
			t.Errorf("%s reads nothing at all", sql)
		}
	}
}
