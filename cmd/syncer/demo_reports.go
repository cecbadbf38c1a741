package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"syncer/internal/report"
	"syncer/internal/store"
	"syncer/internal/web"
)

// demoStale is fewer days than a report of one's own would take: the simulated outage, after which nobody can be said to have
// been looked at throughout, was longer ago.
const demoStale = 21

// errEmptyDemo is a demo that shows nothing.
var errEmptyDemo = errors.New("the demo left no pulls in its database")

// demoResult is what demo prints.
type demoResult struct {
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	Page    string          `json:"page"`
	Runs    []statusRun     `json:"runs"`
	Reports []*report.Table `json:"reports"`
	tables  string
}

// demoReports shows what the simulated months left in the database, on the terminal and as a page.
func (a *app) demoReports(ctx context.Context, s *store.Store, result demoResult, dsn string, f demoFlags) error {
	result.Page = f.file
	var text strings.Builder
	for _, r := range []struct {
		name  string
		query report.Query
	}{
		{"top", report.Query{Limit: 10}}, {"movers", report.Query{Limit: 10}}, {"stale", report.Query{Days: demoStale}}, {"daily", report.Query{}},
		{"events", report.Query{Limit: 15}}, {"coverage", report.Query{}},
	} {
		r.query.Now = a.now()
		table, err := report.Make(ctx, s, r.name, r.query)
		if err != nil {
			return err
		}
		if r.name == "top" && len(table.Rows) == 0 {
			return errEmptyDemo
		}
		result.Reports = append(result.Reports, table)
		if err := table.Write(&text, report.FormatTable, a.outWidth); err != nil {
			return err
		}
		text.WriteString("\n\n")
	}
	result.tables = text.String()
	runs, err := s.Runs(ctx, lastRuns)
	if err != nil {
		return err
	}
	result.Runs = newStatusResult(runs, nil, result.To, 0).Runs
	page := func(ctx context.Context, w io.Writer, days int) error {
		return a.demoPage(ctx, s, cmp.Or(days, f.days), w)
	}
	if err := writeWhole(f.file, func(w io.Writer) error { return page(ctx, w, 0) }); err != nil {
		return err
	}
	if err := a.print(result, result.text); err != nil || !f.keep {
		return err
	}
	return a.demoKeep(ctx, page, dsn, f.listen)
}

func (a *app) demoPage(ctx context.Context, s *store.Store, days int, w io.Writer) error {
	page, err := report.Collect(ctx, s, report.Query{Days: days, Unused: demoStale, Now: a.now()})
	if err != nil {
		return err
	}
	return page.HTML(w)
}

func (r *demoResult) text(p *printer) {
	p.write(r.tables)
	p.line("The last runs:")
	p.runs(r.Runs)
	p.line("")
	p.line("The same with charts, to open in a browser: %s", r.Page)
}

// demoKeep leaves database and page up until the context ends, which is then what was asked for and no failure.
func (a *app) demoKeep(ctx context.Context, page func(context.Context, io.Writer, int) error, dsn, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return usageError{fmt.Errorf("listen on %s: %w", address, err)}
	}
	fmt.Fprintf(a.err, "Page:     http://%s/\nDatabase: psql '%s'\nUp until interrupted (Ctrl-C).\n", listener.Addr(), dsn)
	log := slog.New(slog.DiscardHandler)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", web.NewPage(page, time.Minute, a.now, log))
	return web.Serve(ctx, listener, mux, log)
}
