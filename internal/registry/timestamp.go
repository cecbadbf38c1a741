package registry

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Timestamp is a time of the registry: the text it sent, which is kept, and what could be understood of it.
type Timestamp struct {
	Raw string    // exactly what was sent, without JSON quotes; empty when nothing was
	At  time.Time // UTC; zero when the text is absent or could not be understood
}

// Layouts of times as text. Those without a zone are read in the source's. None names a zone by letters alone, which Go would read as
// UTC, or as the zone of the machine that has such an abbreviation.
var layouts = []string{
	time.DateTime,
	time.RFC3339Nano,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05Z0700",
	"2006-01-02 15:04:05Z07",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02 15:04:05 -07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05 -0700 MST",
	"2006/01/02 15:04:05",
	"2006-01-02 15:04",
	time.DateOnly,
	"Mon, 02 Jan 2006 15:04:05",
	time.RFC1123Z,
}

// ParseTimestamp reads a time in any of the forms the registry's family uses: seconds since 1970 as number or text (larger
// values are milli-, micro- or nanoseconds), and dates as text, in the given zone where they name none. Nothing, "" and 0 are
// no time and understood as such.
func ParseTimestamp(raw string, zone *time.Location) (t Timestamp, understood bool) {
	t.Raw = raw
	s := strings.TrimSpace(raw)
	if s == "" {
		return t, true
	}
	if at, ok := ParseEpoch(s); ok {
		t.At = at
		return t, true
	}
	for _, utc := range []string{" UTC", " GMT"} {
		if local, ok := strings.CutSuffix(s, utc); ok {
			s, zone = local, time.UTC
		}
	}
	for _, layout := range layouts {
		if len(s) < len(time.DateOnly) {
			break
		}
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			if plausible(at) {
				t.At = at.UTC()
			}
			return t, true // a zero date such as 0001-01-01 is a way to say nothing
		}
	}
	return t, false
}

// ParseEpoch reads a number of seconds, or of finer units when it is too large for seconds: 10 digits are seconds until the year
// 5138, 13 digits milliseconds. Zero means that there is no time and is understood as such.
func ParseEpoch(s string) (time.Time, bool) {
	if s == "" || (s[0] < '0' || s[0] > '9') && s[0] != '.' && s[0] != '+' {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f < 0 || f >= math.MaxInt64 {
			return time.Time{}, false
		}
		if f < 1e11 { // seconds with a fraction
			whole, fraction := math.Modf(f)
			if f == 0 {
				return time.Time{}, true
			}
			return time.Unix(int64(whole), int64(fraction*1e6)*1000).UTC(), true // a float holds no more than microseconds
		}
		n = int64(f)
	}
	switch {
	case n == 0:
		return time.Time{}, true
	case n < 1e11:
		return time.Unix(n, 0).UTC(), true
	case n < 1e14:
		return time.UnixMilli(n).UTC(), true
	case n < 1e17:
		return time.UnixMicro(n).UTC(), true
	default:
		return time.Unix(0, n).UTC(), true
	}
}

// plausible bounds what a database and a person would take for a date.
func plausible(t time.Time) bool { return t.Year() > 1 && t.Year() < 10000 }
