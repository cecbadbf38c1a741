package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"syncer/internal/registry"
)

// ImportOptions adjust Import.
type ImportOptions struct {
	// Zone is that of a CreateTime or UpdateTime that names none. Required.
	Zone *time.Location
	// DryRun counts what an import would write, and writes nothing.
	DryRun bool
	// Progress is told now and then how many observations were read, and how many of these were merged. May be nil.
	Progress func(done, total int)
}

// Imported adds up an import.
type Imported struct {
	Observations int64 // read
	TooOld       int64 // left out: they belong to history that retention has dropped
	Conflicts    int64 // displaced by a higher count of the same image at the same moment
	Repos        int64
	Images       int64 // in the observations
	ImagesNew    int64
	ImagesMoved  int64 // known images of which anything was written
	RowsAdded    int64 // rows of the history
	RowsChanged  int64 // whatever is only kept for later imports aside
	RowsRemoved  int64
}

// Import merges observations into the history, as if all had been made in the order of their moments, whatever the order in
// which they come and in how many imports. All of it becomes visible at once, or nothing. An error of the sequence ends the
// import and is returned as it is.
//
// Two connections do the work in two transactions: one sorts the observations and streams them, the other, whose commit
// makes everything visible, holds the repos' locks and writes. Memory does not depend on the number of observations.
func (s *Store) Import(ctx context.Context, observations iter.Seq2[registry.Observation, error], opt ImportOptions) (Imported, error) {
	if opt.Progress == nil {
		opt.Progress = func(int, int) {}
	}
	im := &importer{store: s, opt: opt, repos: map[int64]*importRepo{}}
	err := s.withTwo(ctx, func(read, write *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, read, pgx.TxOptions{BeginQuery: beginImport}, func(readTx pgx.Tx) error {
			return pgx.BeginTxFunc(ctx, write, pgx.TxOptions{BeginQuery: beginImport}, func(writeTx pgx.Tx) error {
				im.read, im.write = readTx, writeTx
				if err := im.run(ctx, observations); err != nil {
					return err
				}
				if opt.DryRun {
					return errDryRun
				}
				return nil
			})
		})
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
	if _, err := s.pool.Exec(ctx, "-- name: AnalyzeImported\nANALYZE syncer.history, syncer.image_days, syncer.images, syncer.repo_days, syncer.archived_looks"); err != nil {
		s.log.WarnContext(ctx, "statistics of the tables are not made", "error", err)
	}
}

// errDryRun takes back what a dry run staged.
var errDryRun = errors.New("dry run")

// beginImport begins a transaction whose few statements sort and join a lot. Its temporary tables are the import's own, so what
// they cost is best known by counting them, not by waiting for autovacuum.
const beginImport = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL jit = off; SET LOCAL work_mem = '96MB'; SET LOCAL temp_buffers = '32MB'"

// withTwo takes two connections.
func (s *Store) withTwo(ctx context.Context, do func(a, b *pgxpool.Conn) error) error {
	a, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer a.Release()
	b, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer b.Release()
	return do(a, b)
}

// importer is one import on its way.
type importer struct {
	store       *Store
	opt         ImportOptions
	read, write pgx.Tx
	sum         Imported
	refused     error     // what the sequence of observations ended with
	horizon     time.Time // months of the history that ended by then were dropped
	repos       map[int64]*importRepo
}

func (im *importer) run(ctx context.Context, observations iter.Seq2[registry.Observation, error]) error {
	var err error
	if im.horizon, err = im.store.horizon(ctx); err != nil {
		return err
	}
	stage, err := im.stage(ctx, observations)
	if err != nil {
		return err
	}
	if im.sum.Observations == im.sum.TooOld {
		return nil
	}
	if err := im.resolve(ctx, stage); err != nil {
		return err
	}
	if err := im.merge(ctx); err != nil {
		return err
	}
	if im.opt.DryRun {
		return nil
	}
	return im.settleRepos(ctx)
}

func (s *Store) horizon(ctx context.Context) (time.Time, error) {
	var from *time.Time
	err := s.pool.QueryRow(ctx, "-- name: HistoryHorizon\nSELECT max(history_from) FROM syncer.retention").Scan(&from)
	return value(from), err
}

// execAll runs statements that take no arguments.
func execAll(ctx context.Context, tx pgx.Tx, statements ...string) error {
	for _, sql := range statements {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%.40q: %w", sql, err)
		}
	}
	return nil
}
