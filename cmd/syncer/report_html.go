package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"syncer/internal/report"
	"syncer/internal/store"
)

func (a *app) reportHTMLCommand() *cobra.Command {
	var f reportFlags
	var file string
	cmd := &cobra.Command{
		Use:   "html",
		Short: "One page with charts, in one file that needs no network to open",
		Long: `Writes one HTML file with everything a team wants to see: totals, pulls per day, top images, movers, stale images, events and
how fresh each repo is. It holds its charts and styles itself; no script, no font, nothing from the network.`,
		Example: "  syncer report html -o pulls.html\n  syncer report html --repo web --days 90 --tz Europe/Berlin > web.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withReports(cmd.Context(), f.asked(cmd, a.now()), func(s *store.Store, q report.Query) error {
				return a.reportHTML(cmd.Context(), s, q, file)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&file, "out", "o", "", "write to this `FILE` (default standard output)")
	return cmd
}

// htmlResult is what report html prints when it wrote a file.
type htmlResult struct {
	File string `json:"file"`
}

func (a *app) reportHTML(ctx context.Context, s *store.Store, q report.Query, file string) error {
	page, err := report.Collect(ctx, s, q)
	if err != nil {
		return err
	}
	if file == "" || file == "-" {
		return page.HTML(a.out)
	}
	if err := writeWhole(file, page.HTML); err != nil {
		return err
	}
	return a.print(htmlResult{File: file}, func(p *printer) { p.line("wrote %s", file) })
}

// writeWhole writes a file that is there as a whole or, if anything fails, as it was before.
func writeWhole(file string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return usageError{fmt.Errorf("write %s: %w: name a file in a folder that is there and may be written", file, pathErr.Err)}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer os.Remove(f.Name()) // in vain when it was renamed
	err = write(f)
	if modeErr := f.Chmod(0o644); err == nil {
		err = modeErr
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
