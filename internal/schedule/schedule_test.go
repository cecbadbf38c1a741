package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func parse(t testing.TB, spec string, z *time.Location) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(spec, z)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for spec, says := range map[string]string{
		"":                             "empty spec",
		"   ":                          "empty spec",
		"hourly":                       "five fields",
		"7 * * *":                      "five fields",
		"0 7 * * * *":                  "five fields",
		"60 * * * *":                   "five fields",
		"0 0 30 2 *":                   "no such day",
		"TZ=UTC":                       "set the timezone beside it",
		"TZ=":                          "set the timezone beside it",
		"CRON_TZ=Asia/Tokyo 7 * * * *": "set the timezone beside it",
		" tz=UTC 7 * * * *":            "set the timezone beside it",
		"@reboot":                      "five fields",
		"@every":                       "five fields",
		"@every 100ms":                 "at least a second",
		"@every -1h":                   "at least a second",
		"@every soon":                  "at least a second",
	} {
		if _, err := schedule.Parse(spec, time.UTC); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Parse(%q) = %v, want an error that says %q", spec, err, says)
		}
	}
}

func TestUpcoming(t *testing.T) {
	t.Parallel()
	from := "2026-03-28T23:59:30Z"
	for name, tt := range map[string]struct {
		spec, zone string
		want       []string
	}{
		"hourly":               {"7 * * * *", "UTC", []string{"2026-03-29T00:07:00Z", "2026-03-29T01:07:00Z", "2026-03-29T02:07:00Z"}},
		"of another zone":      {"0 9 * * 1-5", "Asia/Shanghai", []string{"2026-03-30T01:00:00Z", "2026-03-31T01:00:00Z", "2026-04-01T01:00:00Z"}},
		"every":                {"@every 90s", "UTC", []string{"2026-03-29T00:01:00Z", "2026-03-29T00:02:30Z", "2026-03-29T00:04:00Z"}},
		"leap day":             {"0 0 29 2 *", "UTC", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2036-02-29T00:00:00Z"}},
		"hourly over spring":   {"7 * * * *", "Europe/Berlin", []string{"2026-03-29T00:07:00Z", "2026-03-29T01:07:00Z", "2026-03-29T02:07:00Z"}},
		"skipped hour, spring": {"30 2 * * *", "Europe/Berlin", []string{"2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z", "2026-04-01T00:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, at := range parse(t, tt.spec, zone(t, tt.zone)).Upcoming(moment(t, from), 3) {
				got = append(got, at.UTC().Format(time.RFC3339))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("moments (-want +got):\n%s", diff)
			}
		})
	}
}

// A clock that is set back shows 02:30 twice; the schedule does not remember that it has been there.
func TestAutumnHourRunsTwice(t *testing.T) {
	t.Parallel()
	s := parse(t, "30 2 * * *", zone(t, "Europe/Berlin"))
	want := []time.Time{moment(t, "2026-10-25T00:30:00Z"), moment(t, "2026-10-25T01:30:00Z"), moment(t, "2026-10-26T01:30:00Z")}
	for i, got := range s.Upcoming(moment(t, "2026-10-24T22:00:00Z"), 3) {
		if !got.Equal(want[i]) {
			t.Errorf("moment %d is %s, want %s", i, got.UTC(), want[i])
		}
	}
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	from := moment(t, "2026-11-21T12:00:00Z")
	for spec, want := range map[string]time.Duration{
		"7 * * * *":     time.Hour,
		"*/5 * * * *":   5 * time.Minute,
		"@every 1s":     time.Second,
		"0 9-17 * * *":  16 * time.Hour,
		"0 9 * * 1-5":   72 * time.Hour,
		"0 0 1 * *":     31 * 24 * time.Hour,
		"15,45 3 * * *": 23*time.Hour + 30*time.Minute,
	} {
		if got := parse(t, spec, time.UTC).Period(from); got != want {
			t.Errorf("period of %q is %s, want %s", spec, got, want)
		}
	}
}

func TestMissed(t *testing.T) {
	t.Parallel()
	s := parse(t, "7 * * * *", time.UTC)
	now := moment(t, "2026-11-21T12:30:00Z")
	for last, want := range map[string]bool{
		"2026-11-21T12:07:02Z": false, // the run of this hour
		"2026-11-21T12:07:00Z": false,
		"2026-11-21T12:06:59Z": true,
		"2026-10-01T00:00:00Z": true,
		"2026-11-21T13:00:00Z": false, // a clock that was set back is no reason to run
	} {
		if got := s.Missed(moment(t, last), now); got != want {
			t.Errorf("last run at %s: missed = %t, want %t", last, got, want)
		}
	}
	if !s.Missed(now.Add(-time.Hour), moment(t, "2026-11-21T12:07:00Z")) {
		t.Error("a moment that has just come is not missed")
	}
	if !s.Missed(time.Time{}, now) {
		t.Error("a first run is not called for")
	}
}

// FuzzParse holds that no spec brings the parser down, and that what it takes has moments.
func FuzzParse(f *testing.F) {
	for _, spec := range []string{"7 * * * *", "@hourly", "@every 1h", "TZ=", "CRON_TZ=UTC", "TZ=UTC 0 0 * * *", "*/0 * * * *", "1-0 * * * *", "@", "@every ", "0 0 31 2 *"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := schedule.Parse(spec, time.UTC)
		if err != nil {
			return
		}
		from := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
		for _, at := range s.Upcoming(from, 3) {
			if !at.After(from) && !at.IsZero() {
				t.Fatalf("%q: %s does not follow %s", spec, at, from)
			}
			from = at
		}
	})
}
