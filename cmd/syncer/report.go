package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/report"
	"syncer/internal/store"
)

// reportFlags choose what a report is about.
type reportFlags struct {
	query  report.Query
	days   number
	limit  number
	zone   zone
	format enum
}

// reportWords are the reports that are tables, in the order of the help.
var reportWords = [][2]string{
	{"top", "Most pulled images"},
	{"movers", "Images whose pulls changed most"},
	{"stale", "Images that nobody pulls"},
	{"daily", "Pulls per day, with the days on which nobody looked"},
	{"events", "New, changed, missing, deleted and reset images"},
	{"coverage", "How well each repo was looked at"},
}

func (a *app) reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show what is pulled, what changed and what nobody uses",
		Long: `Makes reports of what was observed. They need nothing but the views in schema reporting, so the role that dashboards use can
make them too. A pull is dated by the look that noticed it; days on which nobody looked are told apart from days without pulls.`,
		Example: "  syncer report top --days 7\n  syncer report daily --repo web --tz Asia/Shanghai --format csv\n  syncer report html -o pulls.html",
		Args:    cobra.NoArgs,
		RunE:    needsSubcommand,
	}
	for _, words := range reportWords {
		cmd.AddCommand(a.reportTableCommand(words[0], words[1]))
	}
	cmd.AddCommand(a.reportHTMLCommand())
	return cmd
}

func (f *reportFlags) add(cmd *cobra.Command) {
	days, _ := report.Defaults(cmd.Name())
	f.days = number{value: days, high: report.MaxDays}
	flags := cmd.Flags()
	flags.StringVar(&f.query.Source, "source", "", "only this `SOURCE`")
	flags.StringVar(&f.query.Repo, "repo", "", "only the repo of this `NAME`, or SOURCE/NAME")
	flags.StringVar(&f.query.Image, "image", "", "only the image of this `NAME`")
	flags.Var(&f.days, "days", "the last `N` days, whole ones, with today")
	if cmd.Name() == "stale" {
		flags.Lookup("days").Usage = "not pulled for `N` days"
	}
	if cmd.Name() != "movers" && cmd.Name() != "stale" {
		flags.StringVar(&f.query.From, "from", "", "first `DAY`, or a moment such as 2026-01-31T08:00:00Z")
		flags.StringVar(&f.query.To, "to", "", "last `DAY`, or a moment")
	}
	flags.Var(&f.zone, "tz", "`ZONE` that days are of, such as Asia/Shanghai or +08:00")
}

// asked is the query of the flags.
func (f *reportFlags) asked(cmd *cobra.Command, now time.Time) report.Query {
	q := f.query
	q.Zone, q.Now = f.zone.Location(), now
	if cmd.Flags().Changed("days") || q.From == "" && q.To == "" {
		q.Days = f.days.value
	}
	switch {
	case f.limit.value > 0:
		q.Limit = f.limit.value
	case f.limit.all != "":
		q.Limit = -1
	}
	return q
}

// number is a flag that takes a whole number of at least 1.
type number struct {
	value, high int
	all         string // a word that stands for no limit; empty: there is none
}

func (n *number) String() string {
	if n.value == 0 {
		return n.all
	}
	return strconv.Itoa(n.value)
}

// Type is no "int": a default of zero would not be told.
func (n *number) Type() string { return "N" }

func (n *number) Set(text string) error {
	if text == n.all && text != "" {
		n.value = 0
		return nil
	}
	v, err := strconv.Atoi(text)
	switch {
	case err == nil && v >= 1 && v <= n.high:
		n.value = v
		return nil
	case n.all != "":
		return fmt.Errorf("must be from 1 to %d, or %s", n.high, n.all)
	default:
		return fmt.Errorf("must be from 1 to %d", n.high)
	}
}

// zone is the flag's form of a time zone.
type zone struct{ config.Zone }

func (z *zone) Set(text string) error { return z.UnmarshalText([]byte(text)) }
func (z *zone) Type() string          { return "zone" }

// maxRows is more than anybody reads.
const maxRows = 1_000_000

func (a *app) reportTableCommand(name, short string) *cobra.Command {
	f := reportFlags{format: enum{value: report.FormatTable, allowed: []string{report.FormatTable, report.FormatCSV, report.FormatJSON}}}
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Example: fmt.Sprintf("  syncer report %s\n  syncer report %s --days 30 --format json", name, name),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.flags.output.value == outputJSON {
				f.format.value = report.FormatJSON
			}
			return a.withReports(cmd.Context(), f.asked(cmd, a.now()), func(s *store.Store, q report.Query) error {
				table, err := report.Make(cmd.Context(), s, name, q)
				if err != nil {
					return err
				}
				return table.Write(a.out, f.format.value, a.outWidth)
			})
		},
	}
	f.add(cmd)
	if name != "daily" { // whose rows are the days
		_, rows := report.Defaults(name)
		f.limit = number{value: rows, high: maxRows, all: "all"}
		cmd.Flags().Var(&f.limit, "limit", "at most `N` rows, or all")
	}
	cmd.Flags().Var(&f.format, "format", "table, csv or json")
	return cmd
}

// withReports calls do with the configured database, which needs to hold the reports but nothing that may be written, and with the
// query, whose names are known to be there.
func (a *app) withReports(ctx context.Context, q report.Query, do func(*store.Store, report.Query) error) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	err = withDSN(ctx, cfg, log, func(dsn string) error {
		return readReports(ctx, dsn, log, func(s *store.Store) error {
			q, err := report.Named(ctx, s, q)
			if err != nil {
				return err
			}
			return do(s, q)
		})
	})
	if errors.Is(err, report.ErrQuery) {
		return usageError{err}
	}
	return err
}

func readReports(ctx context.Context, dsn string, log *slog.Logger, do func(*store.Store) error) error {
	s, err := store.Open(ctx, dsn, store.Options{Logger: log})
	if err != nil {
		return err
	}
	defer s.Close()
	// A reader may not see which migrations were applied. Its views are stable, so it need not.
	if err := s.CheckSchema(ctx); err != nil && notAllowed(err) == nil {
		return err
	}
	err = do(s)
	if denied := notAllowed(err); denied != nil {
		return readError{role: s.Role(), message: denied.Message, err: err}
	}
	return err
}

// notAllowed is the error of PostgreSQL that means a lack of privileges, if there is one.
func notAllowed(err error) *pgconn.PgError {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return pg
	}
	return nil
}

// readError is a report for a role that was not granted the reports.
type readError struct {
	role, message string
	err           error
}

func (e readError) Error() string {
	return fmt.Sprintf("role %q may not read the reports (%s): as the role that owns the schema, run syncer migrate up --grant-reader %s",
		e.role, e.message, e.role)
}

func (e readError) Unwrap() error { return e.err }
