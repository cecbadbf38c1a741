package archive

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"syncer/internal/registry"
)

// Layouts of moments at which something was observed, without their zone. A day alone is its beginning. A year comes first: which
// of 3/4/2026 is the month is not the same everywhere.
var momentLayouts = []string{
	"2006-1-2T15:04:05", "2006-1-2 15:04:05", "2006/1/2 15:04:05", "20060102T150405", "20060102 150405", "20060102150405",
	"2006-1-2T15:04", "2006-1-2 15:04", "2006/1/2 15:04", "20060102T1504", "20060102 1504", "200601021504",
	"2006-1-2", "2006/1/2", "20060102",
	"Mon, 2 Jan 2006 15:04:05",
}

// zoneAtEnd is the offset or the letters at the end of a time.
var zoneAtEnd = regexp.MustCompile(`^(.*\d) ?(?:([+-]\d\d):?(\d\d)?|([A-Za-z]+))$`)

// moment reads when something was observed. What names no zone is UTC.
func (r *reader) moment(b []byte) (t time.Time, reason string) {
	text := strings.TrimSpace(string(b))
	if text == "" {
		return t, "observed_at is missing"
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		if t, reason = otherMoment(text); reason != "" {
			return t, fmt.Sprintf("observed_at %q %s", shorten(text), reason)
		}
	}
	t = t.UTC().Truncate(time.Microsecond)
	switch {
	case t.Before(earliest):
		return t, fmt.Sprintf("observed_at %q is before the year 2000", shorten(text))
	case t.After(r.opt.Now.Add(grace)):
		return t, fmt.Sprintf("observed_at %q is in the future", shorten(text))
	}
	return t, ""
}

// otherMoment reads the forms that are not RFC 3339; reason is what is wrong with the text.
func otherMoment(text string) (t time.Time, reason string) {
	if !isCompact(text) {
		if t, ok := registry.ParseEpoch(text); ok && !t.IsZero() {
			return t, ""
		}
	}
	local, zone := text, time.UTC
	if m := zoneAtEnd.FindStringSubmatch(text); m != nil && hasClock(m[1], m[2]) {
		switch name := strings.ToUpper(m[4]); {
		case m[2] != "":
			var ok bool
			if zone, ok = offset(m[2], m[3]); !ok {
				return t, "names a zone that does not exist"
			}
		case name == "AM" || name == "PM":
			return t, "is not a time: write the hours from 00 to 23"
		case name != "Z" && name != "UTC" && name != "GMT":
			return t, fmt.Sprintf("names its zone by the letters %s, which mean different zones in different places: write an offset, such as +08:00", shorten(m[4]))
		}
		local = m[1]
	}
	for _, layout := range momentLayouts {
		if t, err := time.ParseInLocation(layout, local, zone); err == nil {
			return t, ""
		}
	}
	return t, "is not a time: write it as 2026-01-31T10:00:00+08:00"
}

// isCompact reports whether a number is a date, and not seconds or parts of them.
func isCompact(text string) bool {
	n := digits(text)
	return n == len(text) && (n == len("20060102") || n == len("200601021504") || n == len("20060102150405"))
}

// hasClock reports whether what stands before a zone is more than a date: the day of 2026-01-02 is no offset.
func hasClock(local, sign string) bool {
	return !strings.HasPrefix(sign, "-") || strings.ContainsAny(local, ":T") || strings.Contains(local, " ")
}

// offset is the zone of an offset from UTC, as +08 and 00.
func offset(hours, minutes string) (*time.Location, bool) {
	h, m := number(hours[1:]), number(minutes)
	if h > 14 || m > 59 {
		return nil, false
	}
	seconds := h*3600 + m*60
	if hours[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

// number is the value of digits; 0 of none.
func number(digits string) (n int) {
	for _, c := range digits {
		n = n*10 + int(c-'0')
	}
	return n
}
