package archive

import (
	"fmt"
	"strings"
	"time"

	"syncer/internal/registry"
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
		t, _ = registry.ParseEpoch(text)
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
