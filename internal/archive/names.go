package archive

import (
	"slices"
	"strings"
	"time"
)

const (
	noTime   = "the file's name does not say when it was saved, as in 2026-03-30T10:00:00Z.json"
	twoTimes = "the file's name holds more than one time: leave the one at which it was saved, as in 2026-03-30T10:00:00Z.json"
)

// nameTime is the moment in the name of a saved answer, in a form that moment reads; reason says why there is none. What else stands
// in the name is free, e.g. the page. A time of day counts for more than a number of seconds or milliseconds since 1970 or a day
// beside it; what could be two things is not guessed.
func nameTime(name string) (at, reason string) {
	var full, rough []string
	for i := 0; i < len(name); {
		run := digits(name[i:])
		if run == 0 {
			i++
			continue
		}
		date, n := dateAt(name[i:], run)
		switch {
		case n > 0:
			clock, rest := clockAt(name[i+n:])
			if clock == "" && run > n { // more digits than a date has, which are no time of day
				i += run
				continue
			}
			zone, rest, why := zoneAt(rest, clock != "")
			if why != "" {
				return "", why
			}
			if clock == "" {
				rough = append(rough, date+"T00:00:00"+zone)
			} else {
				full = append(full, date+"T"+clock+zone)
			}
			i = len(name) - len(rest)
		default:
			if run == len("1700000000") || run == len("1700000000000") {
				rough = append(rough, name[i:i+run])
			}
			i += run
		}
	}
	for _, found := range [][]string{full, rough} {
		slices.Sort(found)
		switch found = slices.Compact(found); len(found) {
		case 0:
		case 1:
			return found[0], ""
		default:
			return "", twoTimes
		}
	}
	return "", noTime
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// dateAt is the date that s begins with, and how long it is there; 0 when it begins with none.
func dateAt(s string, run int) (date string, n int) {
	switch run {
	case len("20060102"), len("200601021504"), len("20060102150405"):
		date, n = s[:4]+"-"+s[4:6]+"-"+s[6:8], 8
	case len("2006"):
		n = len(time.DateOnly)
		if len(s) < n || !strings.ContainsRune("-_.", rune(s[4])) || s[7] != s[4] || digits(s[5:]) != 2 || digits(s[8:]) != 2 {
			return "", 0
		}
		date = s[:4] + "-" + s[5:7] + "-" + s[8:10]
	}
	if t, err := time.Parse(time.DateOnly, date); err != nil || t.Before(earliest) {
		return "", 0
	}
	return date, n
}

// clockAt is the time of day that s begins with, after a date; empty when it begins with none.
func clockAt(s string) (clock, rest string) {
	t := s
	if t != "" && strings.ContainsRune("Tt_ -", rune(t[0])) {
		t = t[1:]
	}
	if _, n := dateAt(t, digits(t)); n > 0 {
		return "", s // another date
	}
	parts, between := []string{}, ""
	for len(parts) < 3 && len(t) >= len(between)+2 && strings.HasPrefix(t, between) {
		after := t[len(between):]
		if n := digits(after); n < 2 || n > 2 && (len(parts) > 0 && between != "" || n%2 == 1) {
			break
		}
		parts, t = append(parts, after[:2]), after[2:]
		switch {
		case len(parts) == 1 && t != "" && strings.ContainsRune(":-_.h", rune(t[0])):
			between = t[:1]
		case between == "h":
			between = "m"
		}
	}
	if between == "m" { // 10h00m or 10h00m05s
		t = strings.TrimPrefix(strings.TrimPrefix(t, "m"), "s")
	}
	if len(parts) < 2 || digits(t) > 0 {
		return "", s
	}
	if len(parts) == 2 {
		parts = append(parts, "00")
	}
	clock = strings.Join(parts, ":")
	if _, err := time.Parse(time.TimeOnly, clock); err != nil {
		return "", s
	}
	if n := len(t); n > 1 && (t[0] == '.' || t[0] == ',') && digits(t[1:]) > 0 {
		n = 1 + digits(t[1:])
		clock, t = clock+"."+t[1:n], t[n:]
	}
	return clock, t
}

// zoneAt is the zone that s begins with, after a date and perhaps a time of day; UTC when it begins with none.
func zoneAt(s string, afterClock bool) (zone, rest, reason string) {
	const unclear = "the file's name can be read in two ways at "
	const mend = ": write the time as 2026-03-30T10:00:00Z or with an offset such as +08:00, and nothing like a time after it"
	t := s
	if afterClock && t != "" && (t[0] == ' ' || t[0] == '_') && len(t) > 1 && (t[1] == '+' || t[1] == '-') {
		t = t[1:]
	}
	switch {
	case t == "":
		return "Z", t, ""
	case t[0] == '+' || t[0] == '-' && afterClock:
		if zone, rest, ok := offsetAt(t); ok {
			return zone, rest, ""
		}
		if n := digits(t[1:]); t[0] == '+' || n == 2 || n == 4 {
			return "", "", unclear + t[:1+n] + mend
		}
		return "Z", s, ""
	case !afterClock:
		if strings.ContainsRune("Tt_ -", rune(t[0])) && digits(t[1:]) == 2 { // an hour or a page
			return "", "", unclear + t[:3] + mend
		}
		return "Z", s, ""
	}
	return lettersAt(s)
}

// offsetAt is the offset that s begins with. After a minus, two digits alone are as likely to be a page.
func offsetAt(s string) (zone, rest string, ok bool) {
	var t string
	hours := s[1:]
	switch digits(hours) {
	case len("0800"):
		hours, t = hours[:2], hours[2:]
	case len("08"):
		hours, t = hours[:2], hours[2:]
		switch {
		case len(t) > 2 && strings.ContainsRune(":_-.h", rune(t[0])) && digits(t[1:]) == 2:
			t = t[1:]
		case s[0] == '+':
			return s[:3] + ":00", t, hours <= "14"
		default:
			return "", s, false
		}
	default:
		return "", s, false
	}
	minutes := t[:2]
	return s[:1] + hours + ":" + minutes, t[2:], hours <= "14" && slices.Contains([]string{"00", "15", "30", "45"}, minutes)
}

// lettersAt is the zone that letters after a time of day name.
func lettersAt(s string) (zone, rest, reason string) {
	t := strings.TrimLeft(s, " _-")
	n := 0
	for n < len(t) && (t[n] >= 'A' && t[n] <= 'Z' || t[n] >= 'a' && t[n] <= 'z') {
		n++
	}
	name, rest := t[:n], t[n:]
	shift := len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') && digits(rest[1:]) > 0 // as in GMT+8
	attached := len(t) == len(s) && n > 0
	switch upper := strings.ToUpper(name); {
	case upper == "Z" || (upper == "UTC" || upper == "GMT") && !shift:
		return "Z", rest, ""
	case attached || n >= 2 && n <= 5 && name == upper && digits(rest) == 0:
		return "", "", "the file's name has " + shorten(name) + " after the time, which is no zone that is the same everywhere: write Z, or an offset such as +08:00"
	}
	return "Z", s, ""
}
