package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/report"
	"syncer/internal/store"
)

// reportFlags choose what a report is about.
type reportFlags struct {
	query  report.Query
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
	flags := cmd.Flags()
	flags.StringVar(&f.query.Source, "source", "", "only this `SOURCE`")
	flags.StringVar(&f.query.Repo, "repo", "", "only the repo of this `NAME`")
	flags.StringVar(&f.query.Image, "image", "", "only the image of this `NAME`")
	flags.IntVar(&f.query.Days, "days", 0, "the last `N` days")
	if cmd.Name() != "movers" && cmd.Name() != "stale" {
		flags.StringVar(&f.query.From, "from", "", "first `DAY`, or a moment such as 2026-01-31T08:00:00Z")
		flags.StringVar(&f.query.To, "to", "", "last `DAY`, or a moment")
	}
	flags.StringVar(&f.query.Zone, "tz", "", "`ZONE` that days are of, such as Asia/Shanghai (default UTC)")
}

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
			return a.withReports(cmd.Context(), func(s *store.Store) error {
				f.query.Now = a.now()
				table, err := report.Make(cmd.Context(), s, name, f.query)
				if err != nil {
					return err
				}
				return table.Write(a.out, f.format.value, a.outWidth)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&f.query.Limit, "limit", 0, "at most `N` rows; below 0: all (default 20 of top and movers, 100 events)")
	cmd.Flags().Var(&f.format, "format", "table, csv or json")
	return cmd
}

// withReports calls do with the configured database, which needs to hold the reports but nothing that may be written.
func (a *app) withReports(ctx context.Context, do func(*store.Store) error) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	err = withDSN(ctx, cfg, log, func(dsn string) error { return readReports(ctx, dsn, log, do) })
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
	if err := s.CheckSchema(ctx); err != nil && !notAllowed(err) {
		return err
	}
	return do(s)
}

// notAllowed tells an error of PostgreSQL that means a lack of privileges.
func notAllowed(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
