package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"syncer/internal/report"
)

func page(t *testing.T, src *fake, q report.Query) string {
	t.Helper()
	q.Now = now
	p, err := report.Collect(t.Context(), src, q)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.HTML(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPageIsStable(t *testing.T) {
	t.Parallel()
	golden(t, "page.html", []byte(page(t, &fake{name: nasty}, report.Query{})))
}

func TestNamesCannotInjectMarkup(t *testing.T) {
	t.Parallel()
	html := page(t, &fake{name: nasty}, report.Query{})
	for _, mark := range []string{"<script", "<img", "\x1b", "\u202e"} {
		if strings.Contains(strings.ToLower(html), mark) {
			t.Errorf("the page holds %q", mark)
		}
	}
	if !strings.Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the name is not shown")
	}
	// The same markup whatever the names: they add text and nothing else.
	tags := regexp.MustCompile(`<[^>]*>`)
	if plain := page(t, &fake{name: "web"}, report.Query{}); len(tags.FindAllString(plain, -1)) != len(tags.FindAllString(html, -1)) {
		t.Error("a name changes the markup")
	}
}

func TestPageNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	html := page(t, &fake{name: "web"}, report.Query{})
	for _, mark := range []string{"http://", "https://", "//", "@import", "src=", "<link rel=\"stylesheet", "url("} {
		rest := strings.ReplaceAll(html, "url(#hatch)", "")
		if i := strings.Index(rest, mark); i >= 0 {
			t.Errorf("the page refers to something: %.60s", rest[i:])
		}
	}
}

// Whoever cannot see a chart must find what it shows in a table.
func TestEveryDayOfAChartIsInATable(t *testing.T) {
	t.Parallel()
	html := page(t, &fake{name: "web"}, report.Query{})
	if n := strings.Count(html, `role="img"`); n != 1 {
		t.Errorf("%d charts, want 1 with a description", n)
	}
	for _, day := range []string{"2026-03-05 Thu", "2026-03-08 Sun", "2026-03-10 Tue"} {
		if n := strings.Count(html, day); n != 3 { // the chart's table and two images'
			t.Errorf("%s is in %d tables, want 3", day, n)
		}
	}
	for _, want := range []string{
		`aria-label="Pulls per day over 6 days: 2,250 in all, most of them, 1,000, on 2026-03-05; 2 days without a look."`,
		"Sun 8 Mar 2026: nobody looked; pulls not known by the looks around", "9,223,372,036,854,775,807",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// A day on which nobody looked is hatched from top to bottom; where its pulls are not known there is no bar at all.
func TestGapsAreHatched(t *testing.T) {
	t.Parallel()
	html := page(t, &fake{name: "web"}, report.Query{})
	chart := html[strings.Index(html, `class="chart"`):strings.Index(html, "<figcaption>")]
	if n := strings.Count(chart, `class="hatched"`); n != 2 {
		t.Errorf("%d hatched days, want 2", n)
	}
	// Six days: one without pulls and one of unknown pulls have no bar.
	if n := strings.Count(chart, "<rect") - 2; n != 4 {
		t.Errorf("%d bars, want 4", n)
	}
}

func TestEmptyPage(t *testing.T) {
	t.Parallel()
	html := page(t, &fake{empty: true}, report.Query{})
	for _, want := range []string{"No pulls were noticed", "Nothing changed", "Nothing happened", "No repo was looked at yet"} {
		if !strings.Contains(html, want) {
			t.Errorf("the empty page lacks %q", want)
		}
	}
}
