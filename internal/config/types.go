package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Shard is one of Count equal parts of the repos, Index from 0.
type Shard struct{ Index, Count int }

// UnmarshalText reads I/N.
func (s *Shard) UnmarshalText(text []byte) error {
	index, count, ok := strings.Cut(string(text), "/")
	i, errI := strconv.Atoi(index)
	n, errN := strconv.Atoi(count)
	if !ok || errI != nil || errN != nil || n < 1 || i < 0 || i >= n {
		return fmt.Errorf("%q is not I/N: write 0/4 for the first of four shards, 3/4 for the last", text)
	}
	*s = Shard{i, n}
	return nil
}

// String is the form that UnmarshalText reads.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Count) }

// Retention is how long history is kept: calendar months and days together, both 0 for ever.
type Retention struct{ Months, Days int }

var retentionForm = regexp.MustCompile(`^(\d{1,5})(mo|y|w|d)$`)

// UnmarshalText reads 0, 13mo, 2y, 400d or 60w.
func (r *Retention) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*r = Retention{}
		return nil
	}
	m := retentionForm.FindStringSubmatch(string(text))
	if m == nil {
		return fmt.Errorf("%q is not a time to keep: write 13mo, 2y, 60w or 400d, or 0 to keep for ever", text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return err
	}
	switch m[2] {
	case "y":
		*r = Retention{Months: 12 * n}
	case "mo":
		*r = Retention{Months: n}
	case "w":
		*r = Retention{Days: 7 * n}
	default:
		*r = Retention{Days: n}
	}
	return nil
}

// Zone is a time zone: an IANA name or a fixed offset.
type Zone struct{ location *time.Location }

// Location is the zone for package time. The zero Zone is UTC.
func (z Zone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// UnmarshalText reads UTC, Asia/Shanghai or +08:00.
func (z *Zone) UnmarshalText(text []byte) error {
	name := string(text)
	if t, err := time.Parse("-07:00", name); err == nil {
		_, offset := t.Zone()
		z.location = time.FixedZone(name, offset)
		return nil
	}
	// "Local" would make the meaning of the data depend on the machine, "" would be UTC by accident.
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return fmt.Errorf("%q is not a time zone: write an IANA name such as Asia/Shanghai, or an offset such as +08:00", text)
	}
	z.location = location
	return nil
}

// String is the zone's name.
func (z Zone) String() string { return z.Location().String() }

// UnmarshalText reads none, private, public or all.
func (d *Discover) UnmarshalText(text []byte) error {
	switch v := Discover(text); v {
	case DiscoverNone, DiscoverPrivate, DiscoverPublic, DiscoverAll:
		*d = v
		return nil
	default:
		return fmt.Errorf("%q is not one of none, private, public, all", text)
	}
}

var errNoUnit = errors.New("wants a time with a unit, such as 70s or 2m")
