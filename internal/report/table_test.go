package report_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/report"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTablesInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []string{report.FormatTable, report.FormatCSV, report.FormatJSON} {
		var all bytes.Buffer
		for _, name := range report.Names() {
			table, err := report.Make(t.Context(), &fake{name: nasty}, name, report.Query{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if err := table.Write(&all, format, 0); err != nil {
				t.Fatal(err)
			}
			all.WriteByte('\n')
		}
		golden(t, "reports."+format, all.Bytes())
		if format == report.FormatTable && strings.ContainsAny(all.String(), "\x1b\u202e") {
			t.Error("a name reaches the terminal unescaped")
		}
	}
}

func TestNothingToReport(t *testing.T) {
	t.Parallel()
	for _, name := range report.Names() {
		table, err := report.Make(t.Context(), &fake{empty: true}, name, report.Query{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		for format, want := range map[string]string{
			report.FormatTable: "Nothing to report.", report.FormatCSV: table.Columns[0].Key + ",", report.FormatJSON: `"rows":[]`,
		} {
			var out bytes.Buffer
			if err := table.Write(&out, format, 0); err != nil || !strings.Contains(out.String(), want) {
				t.Errorf("%s as %s: %q, %v", name, format, out.String(), err)
			}
		}
	}
}

func TestSpanOfAQuery(t *testing.T) {
	t.Parallel()
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for name, tt := range map[string]struct {
		report   string
		query    report.Query
		from, to string
	}{
		"default":              {"top", report.Query{}, "2026-02-09T00:00:00Z", "2026-03-10T09:30:00Z"},
		"days":                 {"top", report.Query{Days: 1}, "2026-03-10T00:00:00Z", "2026-03-10T09:30:00Z"},
		"whole days":           {"daily", report.Query{Days: 2}, "2026-03-09T00:00:00Z", "2026-03-10T09:30:00Z"},
		"whole days of events": {"events", report.Query{Days: 2}, "2026-03-09T00:00:00Z", "2026-03-10T09:30:00Z"},
		"whole days of a zone": {"top", report.Query{Days: 1, Zone: zone("Asia/Shanghai")}, "2026-03-09T16:00:00Z", "2026-03-10T09:30:00Z"},
		"offset":               {"top", report.Query{Days: 1, Zone: time.FixedZone("+14:00", 14*3600)}, "2026-03-09T10:00:00Z", "2026-03-10T09:30:00Z"},
		// Havana's clock skips the first hour of 8 March and doubles that of 1 November; its days begin at 01:00, and at the first 00:00.
		"day without a midnight": {"daily", report.Query{From: "2026-03-08", To: "2026-03-08", Zone: zone("America/Havana")}, "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"},
		"day with two midnights": {"daily", report.Query{From: "2026-11-01", To: "2026-11-01", Zone: zone("America/Havana")}, "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		"from":                   {"top", report.Query{From: "2026-03-01"}, "2026-03-01T00:00:00Z", "2026-03-10T09:30:00Z"},
		"days of a zone":         {"top", report.Query{From: "2026-03-01", To: "2026-03-01", Zone: zone("Asia/Shanghai")}, "2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z"},
		"moments":                {"top", report.Query{From: "2026-03-01T08:00:00+08:00", To: "2026-03-01T09:00:00Z"}, "2026-03-01T00:00:00Z", "2026-03-01T09:00:00Z"},
		"to alone":               {"top", report.Query{To: "2026-03-01"}, "2026-01-31T00:00:00Z", "2026-03-02T00:00:00Z"},
		"coverage is UTC":        {"coverage", report.Query{From: "2026-03-01", To: "2026-03-01", Zone: zone("Asia/Shanghai")}, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		"from after to":          {"top", report.Query{From: "2026-03-02", To: "2026-03-01"}, "", ""},
		"days and from":          {"top", report.Query{Days: 3, From: "2026-03-02"}, "", ""},
		"negative":               {"top", report.Query{Days: -1}, "", ""},
		"movers from":            {"movers", report.Query{From: "2026-03-02"}, "", ""},
		"stale to":               {"stale", report.Query{To: "2026-03-02"}, "", ""},
		"no day":                 {"top", report.Query{From: "yesterday"}, "", ""},
		"no report":              {"most", report.Query{}, "", ""},
		"coverage image":         {"coverage", report.Query{Image: "web"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := &fake{}
			tt.query.Now = now
			_, err := report.Make(t.Context(), src, tt.report, tt.query)
			if tt.from == "" {
				if !errors.Is(err, report.ErrQuery) {
					t.Errorf("error %v, want one of the query", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{src.asked.From.UTC().Format(time.RFC3339Nano), src.asked.To.UTC().Format(time.RFC3339Nano)}
			if diff := cmp.Diff([]string{tt.from, tt.to}, got); diff != "" {
				t.Errorf("span (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int64{0: 100, 7: 7, -1: 0} {
		src := &fake{}
		if _, err := report.Make(t.Context(), src, "events", report.Query{Now: now, Limit: limit}); err != nil || src.asked.Limit != want {
			t.Errorf("limit %d asks for %d rows, want %d (%v)", limit, src.asked.Limit, want, err)
		}
	}
}
