package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/store"
)

func (a *app) verifyCommand() *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Derive again what can be derived, and report every difference",
		Long: `Derives everything that can be derived again from the facts, which are the looks at each repo and what was read of each image:
kinds, pulls, windows, daily sums, events and current states. Reports every value that differs. Ends with 1 when there are
differences that were not repaired.`,
		Example: "  syncer verify\n  syncer verify --repair",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), repair) },
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "mend what is derived; facts are never touched")
	return cmd
}

// verifyResult is what verify prints.
type verifyResult struct {
	Repos       int64              `json:"repos"`
	Images      int64              `json:"images"`
	HistoryRows int64              `json:"history_rows"`
	Differences int64              `json:"differences"`
	Repaired    int64              `json:"repaired"`
	Details     []store.Difference `json:"details"` // the first of them
}

// maxDifferences bounds what is kept of a database that differs everywhere.
const maxDifferences = 1000

func (a *app) verify(ctx context.Context, repair bool) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, false, func(s *store.Store) error {
			bar := a.newProgress(ctx, "verifying repos", log)
			result := verifyResult{Details: []store.Difference{}}
			sum, err := s.Verify(ctx, store.VerifyOptions{
				Zone: func(source string) *time.Location { return zoneOf(cfg, source) }, Repair: repair, Progress: bar.show,
			}, result.add)
			bar.stop()
			if err != nil {
				return err
			}
			result.Repos, result.Images, result.HistoryRows = sum.Repos, sum.Images, sum.HistoryRows
			result.Differences, result.Repaired = sum.Differences, sum.Repaired
			if err := a.print(result, result.text); err != nil {
				return err
			}
			if left := result.Differences - result.Repaired; left > 0 {
				return fmt.Errorf("%d differences are left%s", left, map[bool]string{false: ": run syncer verify --repair"}[repair])
			}
			return nil
		})
	})
}

func (r *verifyResult) add(d store.Difference) {
	if len(r.Details) < maxDifferences {
		r.Details = append(r.Details, d)
	}
}

func (r *verifyResult) text(p *printer) {
	if len(r.Details) > 0 {
		var rows [][]any
		for _, d := range r.Details {
			rows = append(rows, []any{d.Source, d.Repo, d.Image, d.What, d.At, d.Stored, d.Derived, d.Repaired})
		}
		p.table([]string{"SOURCE", "REPO", "IMAGE", "WHAT", "AT", "STORED", "DERIVED", "REPAIRED"}, rows)
	}
	p.line("%d repos, %d images and %d rows of history verified: %d differences, %d of them repaired", r.Repos, r.Images, r.HistoryRows,
		r.Differences, r.Repaired)
}
