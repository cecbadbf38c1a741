package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/archive"
)

// A line that cannot be used costs that line and no other, whatever stands in it.
func TestOneBadLineOfMany(t *testing.T) {
	t.Parallel()
	csv := func(i int) string { return fmt.Sprintf("2026-01-02,a,%d", i) }
	ndjson := func(i int) string {
		return fmt.Sprintf(`{"observed_at":"2026-01-02","repo":"web","image":"a","pull_count":%d}`, i)
	}
	for name, tt := range map[string]struct {
		header, bad, want string
		line              func(int) string
	}{
		"an open quote":             {"date,image,count", `2026-01-02,"a,1`, "a quote is not closed on its line", csv},
		"a quote at the end":        {"date,image,count", `2026-01-02,a,1"`, "a quote stands within a value that is not in quotes", csv},
		"three quotes":              {"date,image,count", `2026-01-02,"""a,1`, "a quote is not closed on its line", csv},
		"text behind a quote":       {"date,image,count", `2026-01-02,"a"b,1`, "text stands after a value in quotes", csv},
		"a long line":               {"date,image,count", "2026-01-02,a," + strings.Repeat("1", 300<<10), "the line is longer than 262144 bytes", csv},
		"a line longer than memory": {"date,image,count", "2026-01-02,a," + strings.Repeat("1", 3<<20), "the line is longer than 262144 bytes", csv},
		"a long line of JSON":       {"", `{"observed_at":"` + strings.Repeat("x", 2<<20), "the line is longer than 262144 bytes", ndjson},
		"an open brace":             {"", `{"observed_at":{`, "not a JSON object: unexpected end of JSON input", ndjson},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, want := []string{tt.header}, []string{}
			for i := 2; i < 30; i++ {
				if i == 3 {
					rows, want = append(rows, tt.bad), append(want, "bad:3: "+tt.want)
					continue
				}
				rows, want = append(rows, tt.line(i)), append(want, fmt.Sprint("2026-01-02T00:00:00Z default/web a ", i))
			}
			opt := options(strings.Join(rows, "\n"))
			opt.Repo = "web"
			if diff := cmp.Diff(want, read(t, archive.Stdin, opt)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A quote that opens in the last column and closes on the next line is two bad lines, not one that holds a line break.
func TestValuesEndWithTheirLine(t *testing.T) {
	t.Parallel()
	opt := options("date,image,count,note\n2026-01-02,a,1,\"x\ny\"\n2026-01-02,\"a \"\"b\"\"\",2,\"\"\n")
	opt.Repo = "web"
	want := []string{
		"bad:2: a quote is not closed on its line", "bad:3: a quote stands within a value that is not in quotes", `2026-01-02T00:00:00Z default/web a "b" 2`,
	}
	if diff := cmp.Diff(want, read(t, archive.Stdin, opt)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Opening tells at once what no line of an archive could mend, and takes nothing from it.
func TestOpen(t *testing.T) {
	t.Parallel()
	const good = "observed_at,repo,image,pull_count\n2026-01-02,web,a,1\n2026-01-02,web,b,2\n"
	for name, tt := range map[string]struct{ in, want string }{
		"good":       {good, ""},
		"bad line":   {"observed_at,repo,image,pull_count\nx,web,a,1\n", ""},
		"empty":      {"", ""},
		"bad header": {"when,repo,image,pull_count\n2026-01-02,web,a,1\n", "1: the first line is not a header"},
		"UTF-16":     {"\xff\xfed\x00", "this is UTF-16 text"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.csv")
			if err := os.WriteFile(file, []byte(tt.in), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{archive.Stdin, file, filepath.Dir(file)} {
				all, err := archive.Open(path, options(tt.in))
				if tt.want != "" || err != nil {
					if err == nil || tt.want == "" || !strings.Contains(err.Error(), tt.want) {
						t.Errorf("%s: %v, want %q", path, err, tt.want)
					}
					continue
				}
				got := 0
				for range all {
					got++
				}
				if want := len(read(t, archive.Stdin, options(tt.in))); got != want {
					t.Errorf("%s: %d of %d lines are left", path, got, want)
				}
			}
		})
	}
	if _, err := archive.Open(filepath.Join(t.TempDir(), "none"), options("")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	file := filepath.Join(t.TempDir(), "undated.json")
	if err := os.WriteFile(file, []byte(`{"RetCode":0,"ImageSet":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(file, options("")); err == nil {
		t.Error("a single saved answer without a time was opened")
	}
}
