package archive

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Whatever a file is called, its name gives a time that can be read, or a reason.
func FuzzNameTime(f *testing.F) {
	for _, seed := range []string{
		"2026-01-04T10:00:00+08:00.json", "job-1700000000-2026-01-20T10:00:00Z.json", "20260104100000.json", "2026-01-04-10h00m05s", "2026-01-04T10:00-05", "2026-01-04_10.00.00.5 CST",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		at, reason := nameTime(name)
		if (at == "") == (reason == "") {
			t.Fatalf("%q: time %q, reason %q", name, at, reason)
		}
		r := &reader{opt: Options{Now: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}}
		if _, why := r.moment([]byte(at)); at != "" && digits(at) != len(at) && why != "" && !strings.Contains(why, "before the year 2000") {
			t.Fatalf("%q gives %q: %s", name, at, why)
		}
	})
}

// A line that the library reads as one row is read as the same row, but for blanks around values.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`a,b,c`, `"a,b",c`, `"a ""b""",`, `,,`, `a"b,c`, `"a`, ` "a" ,b`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		rare := func(c rune) bool { return unicode.IsSpace(c) && c != ' ' && c != '\t' }
		if bytes.ContainsFunc(line, rare) || len(bytes.TrimSpace(line)) == 0 {
			return
		}
		library := csv.NewReader(bytes.NewReader(line))
		library.TrimLeadingSpace = true
		want, err := library.Read()
		got, reason := split(nil, bytes.Clone(line), ',')
		if err != nil {
			return
		}
		if reason != "" || len(got) != len(want) {
			t.Fatalf("%q is %q, %s, want %q", line, got, reason, want)
		}
		for i := range got {
			if !bytes.Equal(bytes.TrimSpace(got[i]), bytes.TrimSpace([]byte(want[i]))) {
				t.Fatalf("%q is %q, want %q", line, got, want)
			}
		}
	})
}
