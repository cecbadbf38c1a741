package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/archive"
	"syncer/internal/config"
	"syncer/internal/store"
)

// exportFlags are what export can be told.
type exportFlags struct {
	format   enum
	compress enum
	since    moment
	until    moment
	opt      store.ExportOptions
	file     string
}

// moment is a flag that takes a day (UTC) or a time.
type moment struct{ time.Time }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

func (m *moment) Type() string { return "TIME" }

func (m *moment) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is neither a day such as 2026-03-30 nor a time such as 2026-03-30T10:00:00Z", text)
}

const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

func (a *app) exportCommand() *cobra.Command {
	f := exportFlags{
		format:   enum{value: formatNDJSON, allowed: []string{formatNDJSON, formatCSV}},
		compress: enum{allowed: []string{"none", "gzip", "zstd"}},
	}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the observations in the form that backfill --from reads",
		Long: `Writes what the history was made of: of every run of equal counts its first and its last observation, and of every other look at a
repo one that bears witness to it. Imported into an empty database they give the same history and the same reports. Runs, tags
before the last one, and absences that ended are not carried over.`,
		Example: `  syncer export > archive.ndjson
  syncer export --since 2026-01-01 --until 2026-02-01 --format csv -o january.csv.zst
  syncer export --repo web | DATABASE_URL=local:./copy syncer backfill --from -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.export(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.Var(&f.format, "format", "form of the observations")
	flags.Var(&f.compress, "compress", "how to compress them (default by the ending of the file, .gz or .zst)")
	flags.Var(&f.since, "since", "only observations from then on; a day (UTC) or a time")
	flags.Var(&f.until, "until", "only observations before then")
	flags.StringVar(&f.opt.Source, "source", "", "only this `SOURCE`")
	flags.StringVar(&f.opt.Repo, "repo", "", "only this `REPO`")
	flags.StringVar(&f.opt.Image, "image", "", "only this `IMAGE`")
	flags.StringVarP(&f.file, "out", "o", "", "write to this `FILE` (default standard output)")
	return cmd
}

// exportResult is what export prints when it wrote a file.
type exportResult struct {
	File         string `json:"file"`
	Observations int64  `json:"observations"`
}

func (a *app) export(ctx context.Context, f exportFlags) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	f.opt.CSV, f.opt.Since, f.opt.Until = f.format.value == formatCSV, f.since.Time, f.until.Time
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, false, func(s *store.Store) error {
			if f.file == "" || f.file == "-" {
				_, err := f.write(ctx, s, a.out)
				return err
			}
			var n int64
			if err := writeWhole(f.file, func(w io.Writer) (err error) {
				n, err = f.write(ctx, s, w)
				return err
			}); err != nil {
				return err
			}
			return a.print(exportResult{File: f.file, Observations: n}, func(p *printer) { p.line("wrote %d observations to %s", n, f.file) })
		})
	})
}

// write exports to a stream.
func (f *exportFlags) write(ctx context.Context, s *store.Store, w io.Writer) (int64, error) {
	form := f.compress.value
	if form == "" {
		form = map[string]string{".gz": "gzip", ".zst": "zstd"}[filepath.Ext(f.file)]
	}
	packed, err := archive.Compress(w, form)
	if err != nil {
		return 0, fmt.Errorf("compress: %w", err)
	}
	n, err := s.Export(ctx, packed, f.opt)
	if closeErr := packed.Close(); err == nil {
		err = closeErr
	}
	return n, err
}
