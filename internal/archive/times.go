package archive

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Layouts of moments at which something was observed. Those without a zone are UTC; a day alone is its beginning.
var momentLayouts = []string{
	time.RFC3339Nano,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05Z07",
	"2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 MST",
	"2006-01-02T15:04:05",
	time.DateTime,
	"2006-01-02 15:04",
	time.DateOnly,
	"20060102",
}

// moment reads when something was observed.
func (r *reader) moment(field string, b []byte) (t time.Time, reason string) {
	text := strings.TrimSpace(string(b))
	if text == "" {
		return t, field + " is missing"
	}
	if len(text) != len("20060102") {
		t, _ = epoch(text)
	}
	for i := 0; t.IsZero() && i < len(momentLayouts); i++ {
		t, _ = time.Parse(momentLayouts[i], text)
	}
	t = t.UTC().Truncate(time.Microsecond)
	switch {
	case t.IsZero():
		return t, fmt.Sprintf("%s %q is not a time", field, shorten(text))
	case t.Before(earliest):
		return t, fmt.Sprintf("%s %q is before the year 2000", field, shorten(text))
	case t.After(r.opt.Now.Add(grace)):
		return t, fmt.Sprintf("%s %q is in the future", field, shorten(text))
	}
	return t, ""
}

// Layouts of CreateTime and UpdateTime as text. Those without a zone are read in the source's.
var stampLayouts = []string{
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

// ParseTime understands a CreateTime or UpdateTime in the forms that registries write: seconds since 1970 or finer units, or a
// date as text. It is zero for what says nothing or cannot be understood.
func ParseTime(zone *time.Location) func(raw string) time.Time {
	return func(raw string) time.Time {
		text := strings.TrimSpace(raw)
		if at, ok := epoch(text); ok {
			return at
		}
		for _, layout := range stampLayouts {
			if at, err := time.ParseInLocation(layout, text, zone); err == nil {
				if at.Year() > 1 && at.Year() < 10000 {
					return at.UTC()
				}
				break
			}
		}
		return time.Time{}
	}
}

// epoch reads a number of seconds, or of finer units when it is too large for seconds. Zero is no time.
func epoch(text string) (t time.Time, ok bool) {
	if text == "" || (text[0] < '0' || text[0] > '9') && text[0] != '.' && text[0] != '+' {
		return t, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f < 0 || f >= math.MaxInt64 {
			return t, false
		}
		if f < 1e11 {
			if f == 0 {
				return t, true
			}
			whole, fraction := math.Modf(f)
			return time.Unix(int64(whole), int64(fraction*1e6)*1000).UTC(), true // a float holds no more than microseconds
		}
		n = int64(f)
	}
	switch {
	case n == 0:
		return t, true
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
