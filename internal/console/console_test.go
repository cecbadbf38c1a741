package console_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/console"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"line\r\n\tafter \n line":    "line after  line",
		"\x1b[31mred\x07\x00\x7f":    `\x1b[31mred\a\x00\x7f`,
		"c1 \u009b2J":                `c1 \u009b2J`,
		"abc\u202edcb\u2066x\u2069":  `abc\u202edcb\u2066x\u2069`,
		"\u200e\u200f\u061c\ufeff":   `\u200e\u200f\u061c\ufeff`,
		"next\u0085line\u2028end":    "next line end",
		"👨\u200d👩\u200d👧\u200d👦":     "👨\u200d👩\u200d👧\u200d👦",
		"می\u200cخواهم":              "می\u200cخواهم",
		"क्\u200dष":                  "क्\u200dष", // joined by U+200D
		"镜像\u3000名\u00a0x é e\u0301": "镜像\u3000名\u00a0x é e\u0301",
		"bad \xff":                   "bad \ufffd",
		"":                           "",
	} {
		if got := console.Printable(text); got != want {
			t.Errorf("Printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestShortenLeavesOutTheMiddle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 5, "short"},
		{"team/service-alpha", 9, "team…lpha"},
		{"镜像名字很长", 6, "镜…长"}, // one character more would be a column too many
		{"ab👨\u200d👩\u200d👧\u200d👦👨\u200d👩\u200d👧\u200d👦👨\u200d👩\u200d👧\u200d👦yz", 6, "ab…yz"},
		{"xyz", 0, "…"},
	} {
		if got := console.Shorten(tt.text, tt.width); got != tt.want || !utf8.ValidString(got) {
			t.Errorf("Shorten(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func table(width int, columns []console.Column, rows ...[]any) string {
	var out bytes.Buffer
	console.NewPrinter(&out, width).Table(columns, rows)
	return "\n" + out.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	got := table(0, []console.Column{{Title: "NAME"}, {Title: "COUNT"}, {Title: "AT"}, {Title: "WHY"}},
		[]any{"a\x1b[31m\nb\u202e", int64(1234567), at, "-"}, []any{"镜像", 5, (*time.Time)(nil), ""})
	want := `
NAME                   COUNT  AT                    WHY
a\x1b[31m b\u202e  1,234,567  2026-01-02 02:04:05Z  -
镜像                       5  -                     -
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

var columns = []console.Column{
	{Title: "SOURCE", Kind: console.Common}, {Title: "REPO", Kind: console.Name}, {Title: "IMAGES"}, {Title: "ERROR", Kind: console.Below},
}

const advice = "20 of 40 images vanished at once, which may be a fault of the registry; syncer sync --allow-mass-delete cn/web believes it"

func TestSentencesAreWholeUnderTheTable(t *testing.T) {
	t.Parallel()
	rows := [][]any{{"cn", "web", 20, advice}, {"cn", "base", 3, ""}}
	got := table(60, columns, rows...)
	want := `
REPO  IMAGES
web       20
base       3
source: cn
web: 20 of 40 images vanished at once, which may be a
  fault of the registry; syncer sync --allow-mass-delete
  cn/web believes it
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	rows[1][0] = "de"
	got = table(0, columns, rows...)
	want = `
SOURCE  REPO  IMAGES
cn      web       20
de      base       3
cn/web: ` + advice + "\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("two sources, no terminal (-want +got)\n%s", d)
	}
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100) + "-1234567-z"
	rows := [][]any{{"default", long, 1, ""}, {"default", "web", 2, ""}}
	got := table(40, columns, rows...)
	want := `
REPO                              IMAGES
xxxxxxxxxxxxxxxx…xxxxx-1234567-z       1
web                                    2
`
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("on a terminal (-want +got)\n%s", d)
	}
	got = table(0, columns, rows...)
	if want := "\nREPO  IMAGES\n" + long + "       1\nweb        2\n"; got != want {
		t.Errorf("no terminal: %s, want %s", got, want)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	console.NewPrinter(&out, 0).Line("%d in %s, %d%%", 1000, "\x07", int64(-1234567))
	if got, want := out.String(), "1,000 in \\a, -1,234,567%\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
