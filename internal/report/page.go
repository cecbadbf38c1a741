package report

import (
	"cmp"
	"context"
	_ "embed"
	"html/template"
	"io"
	"time"

	"syncer/internal/console"
	"syncer/internal/store"
)

// Rows of the page's tables.
const (
	pageTop    = 10
	pageMovers = 10
	pageStale  = 50
	pageEvents = 100
	pageRepos  = 200
)

// Page is everything the HTML page shows.
type Page struct {
	Made     time.Time
	Span     string
	Zone     string
	Total    Totals
	Days     []store.DayRow
	Top      []TopImage
	Movers   []store.MoverRow
	MoveDays int
	Unused   int // days without a pull that make an image stale
	Stale    []store.StaleRow
	StaleAll int // stale images there are; the page shows the first
	Events   []store.EventRow
	Coverage []store.CoverageRow
	Repos    int // repos there are; the page shows the worst covered
	Failing  int
}

// Totals are the page's headline numbers.
type Totals struct {
	Pulls     int64 // in the span, as far as known
	Days      int   // of the span
	GapDays   int   // days on which nobody looked at anything
	Images    int64
	Repos     int
	PullCount int64 // all counters now
}

// TopImage is one of the most pulled images with its days.
type TopImage struct {
	store.TopRow
	Days []store.DayRow
}

// Collect reads what the page shows. Of the query, the span and the names count; each section has its own number of rows.
func Collect(ctx context.Context, src Source, q Query) (*Page, error) {
	q.Limit = 0
	f, err := q.filter(defaultDays)
	if err != nil {
		return nil, err
	}
	p := &Page{Made: q.Now, Span: span(f), Zone: f.Zone.String(), MoveDays: defaultMoves, Unused: cmp.Or(q.Unused, defaultStale)}
	for _, read := range []func(context.Context, Source, store.ReportFilter) error{
		p.readDays, p.readTop, p.readMovers, p.readStale, p.readEvents, p.readRepos,
	} {
		if err := read(ctx, src, f); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Page) readDays(ctx context.Context, src Source, f store.ReportFilter) (err error) {
	p.Days, err = src.Daily(ctx, f)
	p.Total.Days = len(p.Days)
	for _, d := range p.Days {
		if d.Flag == flagGap {
			p.Total.GapDays++
		}
		if d.Pulls != nil {
			p.Total.Pulls = addCapped(p.Total.Pulls, *d.Pulls)
		}
	}
	return err
}

func (p *Page) readTop(ctx context.Context, src Source, f store.ReportFilter) error {
	f.Limit = pageTop
	rows, err := src.Top(ctx, f)
	if err != nil {
		return err
	}
	for _, r := range rows {
		days, err := seriesOf(ctx, src, f, r)
		if err != nil {
			return err
		}
		p.Top = append(p.Top, TopImage{r, days})
	}
	return nil
}

func (p *Page) readMovers(ctx context.Context, src Source, f store.ReportFilter) (err error) {
	f.Limit = pageMovers
	p.Movers, err = src.Movers(ctx, defaultMoves, f)
	return err
}

func (p *Page) readStale(ctx context.Context, src Source, f store.ReportFilter) (err error) {
	p.Stale, err = src.Stale(ctx, p.Unused, f)
	p.StaleAll = len(p.Stale)
	p.Stale = p.Stale[:min(len(p.Stale), pageStale)]
	return err
}

func (p *Page) readEvents(ctx context.Context, src Source, f store.ReportFilter) (err error) {
	f.Limit = pageEvents
	p.Events, err = src.Events(ctx, f)
	return err
}

func (p *Page) readRepos(ctx context.Context, src Source, f store.ReportFilter) error {
	repos, err := src.Repos(ctx)
	if err != nil {
		return err
	}
	for _, r := range repos {
		if (f.Source == "" || r.Source == f.Source) && (f.Repo == "" || r.Repo == f.Repo) {
			p.Total.Repos++
			p.Total.Images += r.Images
			p.Total.PullCount = addCapped(p.Total.PullCount, r.PullCount)
		}
	}
	f.Image = ""
	p.Coverage, err = src.Coverage(ctx, f)
	p.Repos = len(p.Coverage)
	for _, r := range p.Coverage {
		if failing(r.LastStatus) {
			p.Failing++
		}
	}
	p.Coverage = p.Coverage[:min(len(p.Coverage), pageRepos)]
	return err
}

func failing(status *string) bool { return status != nil && (*status == "failed" || *status == "held") }

// addCapped adds counts that a hostile registry may have made as large as they can be.
func addCapped(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return 1<<63 - 1
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// HTML writes the page as one file that needs no other.
func (p *Page) HTML(w io.Writer) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"css":     func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // our own file
		"cell":    textCell,
		"day":     func(t time.Time) string { return textCell(calendarDay(t)) },
		"growth":  func(m store.MoverRow) string { return percent{m.GrowthPercent, m.PullsBefore == 0}.String() },
		"bars":    newBarChart,
		"spark":   newSparkline,
		"failing": failing,
		"odd":     func(n int) bool { return n%2 == 1 },
		"number":  func(n int) string { return console.Thousands(int64(n)) },
	}).Parse(pageHTML)
	if err != nil {
		return err
	}
	return page.Execute(w, p)
}
