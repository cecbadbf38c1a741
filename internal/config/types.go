package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
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

// setField reads a value into the field that a pointer points to.
func setField(field any, v given) error {
	if list, ok := field.(*[]string); ok {
		*list = v.items()
		return nil
	}
	if v.list {
		return errors.New("wants one value")
	}
	switch text := v.texts[0]; f := field.(type) {
	case *string:
		*f = text
		return nil
	case *Secret: // never quoted
		*f = NewSecret(bare(text))
		return nil
	case *int:
		return setNumber(f, text, "a whole number", strconv.Atoi)
	case *float64:
		return setNumber(f, text, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case *bool:
		return setNumber(f, text, "true or false", strconv.ParseBool)
	case *time.Duration:
		if err := setNumber(f, text, "", time.ParseDuration); err != nil {
			return fmt.Errorf("%q wants a time with a unit, such as 70s or 2m", text)
		}
		return nil
	case *slog.Level:
		if err := f.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%q is not one of debug, info, warn, error", text)
		}
		return nil
	case encoding.TextUnmarshaler:
		return f.UnmarshalText([]byte(text))
	default:
		return fmt.Errorf("no value can be read into a %T", field)
	}
}

func setNumber[T any](field *T, text, kind string, parse func(string) (T, error)) error {
	v, err := parse(text)
	if err != nil {
		return fmt.Errorf("%q is not %s", text, kind)
	}
	*field = v
	return nil
}

// items are those of a list, or of text with commas as variables have it.
func (v given) items() []string {
	if v.list || v.texts == nil {
		return v.texts
	}
	var list []string
	for item := range strings.SplitSeq(v.texts[0], ",") {
		if item = bare(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
