package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// firstMoment is when a local day begins: its first moment, found by walking through the hours around it where clocks were moved.
func firstMoment(day time.Time, loc *time.Location) time.Time {
	y, m, d := day.Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, loc)
	offset := func(t time.Time) int { _, n := t.In(loc).Zone(); return n }
	if offset(day.AddDate(0, 0, -1)) == offset(day.AddDate(0, 0, 1)) {
		return midnight.UTC()
	}
	for t := day.Add(-26 * time.Hour); ; t = t.Add(time.Minute) {
		y, m, d := t.In(loc).Date()
		if !time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Before(day) {
			return t
		}
	}
}

// Days begin with their first moment: where midnight comes twice, never, or with the whole day skipped.
func TestMidnightsAreThoseOfTheZone(t *testing.T) {
	t.Parallel()
	conn := connect(t, migrated(t))
	if _, err := conn.Exec(t.Context(), "SET timezone = 'America/Havana'"); err != nil { // must not matter
		t.Fatal(err)
	}
	for _, zone := range []string{
		"Atlantic/Azores", "America/Havana", "Asia/Beirut", "Asia/Amman", "America/Asuncion", "America/Sao_Paulo", "America/St_Johns", "Africa/Cairo",
		"Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati", "Asia/Tehran", "Australia/Lord_Howe", "America/Scoresbysund", "Asia/Gaza", "Europe/Berlin", "UTC",
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for year := 1985; year <= 2025; year += 4 {
			first, last := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year+3, 12, 31, 0, 0, 0, 0, time.UTC)
			var got, want []time.Time
			if err := conn.QueryRow(t.Context(), "SELECT syncer.local_midnights($1, $2, $3)", first, last, zone).Scan(&got); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i] = got[i].UTC()
			}
			for day := first; !day.After(last.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
				want = append(want, firstMoment(day, loc))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s from %d (-want +got):\n%s", zone, year, diff)
			}
		}
	}
}

// The hour between the two midnights belongs to the day that began with the first.
func TestHourBetweenTwoMidnightsCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lookAt("2026-10-24T23:00:00Z", images("web", 0))  // an hour to midnight, on the Azores
	w.lookAt("2026-10-25T00:00:00Z", images("web", 0))  // midnight, and an hour later again
	w.lookAt("2026-10-25T00:45:00Z", images("web", 45)) // between them
	w.lookAt("2026-10-26T01:00:00Z", images("web", 45))
	w.expectDays([]string{"10-24 ? observed", "10-25 45 observed"}, w.days("web", "Atlantic/Azores", "2026-10-24", "2026-10-25"))
	w = newWorld(t)                                    // and a day that was skipped has no row
	w.lookAt("2011-12-29T10:00:00Z", images("web", 0)) // midnight on Samoa
	w.lookAt("2011-12-31T10:00:00Z", images("web", 48))
	w.expectDays([]string{"12-29 24 estimated", "12-31 24 gap"}, w.days("web", "Pacific/Apia", "2011-12-28", "2011-12-31"))
}
