package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// ImportOptions adjust Import.
type ImportOptions struct {
	// Zone is that of a CreateTime or UpdateTime that names none. Required.
	Zone *time.Location
	// DryRun does all of it and takes it back.
	DryRun bool
	// Progress is told now and then how many observations were read, and how many of these were merged. May be nil.
	Progress func(done, total int)
}

// Imported adds up an import.
type Imported struct {
	Observations int64 `json:"observations"` // read
	TooOld       int64 `json:"too_old"`      // left out: they belong to history that retention has dropped
	Conflicts    int64 `json:"conflicts"`    // displaced by another reading of the same image at the same moment
	Repos        int64 `json:"repos"`
	Images       int64 `json:"images"` // in the observations
	ImagesNew    int64 `json:"images_new"`
	ImagesMoved  int64 `json:"images_changed"`       // known images of which anything was written
	RowsAdded    int64 `json:"history_rows_added"`   // rows of the history
	RowsChanged  int64 `json:"history_rows_changed"` // rows of the history that say something else now
	RowsRemoved  int64 `json:"history_rows_removed"`
}

// Import adds observations to the facts and derives the images they are of again, as if all had been made in the order of their
// moments, whatever the order in which they come and in how many imports. All of it becomes visible at once, or nothing. An error
// of the sequence ends the import and is returned as it is.
//
// The observations are staged in temporary tables of one transaction, resolved to images, and replayed image by image. Memory
// depends on the readings of the largest image. A repo is locked from when all observations are staged; looks of runs that come
// meanwhile wait and are then applied.
func (s *Store) Import(ctx context.Context, observations iter.Seq2[registry.Observation, error], opt ImportOptions) (Imported, error) {
	if opt.Progress == nil {
		opt.Progress = func(int, int) {}
	}
	im := &importer{store: s, opt: opt}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: beginImport}, func(tx pgx.Tx) error {
		im.tx = tx
		if err := im.run(ctx, observations); err != nil {
			return err
		}
		if opt.DryRun {
			return errDryRun
		}
		return nil
	})
	switch {
	case errors.Is(err, errDryRun):
		return im.sum, nil
	case err != nil && im.refused != nil:
		return im.sum, im.refused
	}
	if err == nil && im.sum.RowsAdded >= manyRows {
		s.analyze(ctx)
	}
	return im.sum, databaseError("import", err)
}

// manyRows is how many new rows make the server's statistics worthless. It would count those of a single month again by itself,
// some time, and never those of all months together.
const manyRows = 100_000

// analyze lets the server count again. Reports are only slower without.
func (s *Store) analyze(ctx context.Context) {
	if _, err := s.pool.Exec(ctx, "-- name: AnalyzeImported\nANALYZE syncer.readings, syncer.image_days, syncer.images, syncer.repo_days, syncer.looks"); err != nil {
		s.log.WarnContext(ctx, "statistics of the tables are not made", "error", err)
	}
}

// errDryRun takes back what a dry run did.
var errDryRun = errors.New("dry run")

// beginImport begins a transaction whose few statements sort and join a lot.
const beginImport = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL jit = off; SET LOCAL work_mem = '96MB'; SET LOCAL temp_buffers = '32MB'"

// importer is one import on its way.
type importer struct {
	store   *Store
	opt     ImportOptions
	tx      pgx.Tx
	sum     Imported
	refused error // what the sequence of observations ended with
	horizon horizon
	repo    *repoTally // of the image at hand
	out     *rewrites
}

func (im *importer) run(ctx context.Context, observations iter.Seq2[registry.Observation, error]) error {
	var err error
	if im.horizon, err = holdHorizon(ctx, im.tx); err != nil {
		return err
	}
	st, err := im.stage(ctx, observations)
	if err != nil || im.sum.Observations == im.sum.TooOld {
		return err
	}
	if err := im.resolve(ctx, st); err != nil {
		return err
	}
	return im.merge(ctx)
}
