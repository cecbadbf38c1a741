package fetch

import (
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"

	"syncer/internal/registry"
)

// digest stands in for a name that cannot be kept, so that a row with it is known again on the next page.
func digest(s string) string {
	h := fnv.New128a()
	h.Write([]byte(s)) // never fails
	return string(h.Sum(nil))
}

// Layouts of times as text. Those without a zone are read in the source's.
var layouts = []string{
	time.DateTime,
	time.RFC3339Nano,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05 -0700 MST",
	"2006/01/02 15:04:05",
	"2006-01-02 15:04",
	time.DateOnly,
	time.RFC1123,
	time.RFC1123Z,
}

// timestamp reads a time in any of the forms the registry's family uses: seconds since 1970 as number or text (larger values
// are milli-, micro- or nanoseconds), and dates as text. Nothing, "" and 0 are no time and no fault.
func (d decoder) timestamp(v scalar, field string) (registry.Timestamp, string) {
	raw, fault := v.label(field)
	if fault != "" || raw == "" {
		return registry.Timestamp{}, fault
	}
	t := registry.Timestamp{Raw: raw}
	s := strings.TrimSpace(raw)
	if s == "" {
		return t, ""
	}
	if at, ok := epoch(s); ok {
		t.At = at
		return t, ""
	}
	for _, layout := range layouts {
		if len(s) < len(time.DateOnly) {
			break
		}
		if at, err := time.ParseInLocation(layout, s, d.zone); err == nil {
			if plausible(at) {
				t.At = at.UTC()
			}
			return t, "" // a zero date such as 0001-01-01 is a way to say nothing
		}
	}
	return t, field + " is not understood: " + strconv.Quote(shorten(raw, 40))
}

// epoch reads a number of seconds, or of finer units when it is too large for seconds: 10 digits are seconds until the year
// 5138, 13 digits milliseconds. Zero means that there is no time and is understood as such.
func epoch(s string) (time.Time, bool) {
	if c := s[0]; (c < '0' || c > '9') && c != '.' && c != '+' {
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
