package store

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// ExportOptions say what Export writes. Empty filters take everything.
type ExportOptions struct {
	Since, Until        time.Time // observations from Since to before Until; zero leaves a side open
	Source, Repo, Image string
	CSV                 bool // with a header; otherwise a JSON object a line
}

// Export writes the facts in the form that an import reads: the readings of archives; of those that runs made the first and the last
// of each run of equal ones; the looks that did not hold an image, as far as their evidence counted; and every look at a repo. An
// import of them into an empty database gives the same history, days and events. It returns how many lines were written, and
// streams: of one image at a time there is more than its state in memory.
func (s *Store) Export(ctx context.Context, w io.Writer, opt ExportOptions) (int64, error) {
	buffered := bufio.NewWriterSize(w, 1<<16)
	x := &exporter{opt: opt, out: newExportWriter(buffered, opt.CSV)}
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return x.run(ctx, tx)
	})
	if x.failed != nil {
		return x.out.lines, x.failed
	}
	if err == nil {
		if err := buffered.Flush(); err != nil {
			return x.out.lines, err
		}
	}
	return x.out.lines, databaseError("export", err)
}

// exporter is one export on its way.
type exporter struct {
	opt    ExportOptions
	out    *exportWriter
	failed error // what the output ended with
	repo   exportRepo
	facts  *repoFacts
}

type exportRepo struct {
	id                    int64
	source, name, project string
}

func (x *exporter) run(ctx context.Context, tx pgx.Tx) error {
	h, err := holdHorizon(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
-- name: ExportRepos
SELECT repo_id, source, name, project_id FROM syncer.repos
WHERE ($1 = '' OR source = $1) AND ($2 = '' OR name = $2)
ORDER BY source, name`, x.opt.Source, x.opt.Repo)
	if err != nil {
		return err
	}
	repos, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r exportRepo, err error) {
		err = row.Scan(&r.id, &r.source, &r.name, &r.project)
		return r, err
	})
	if err != nil {
		return err
	}
	for _, r := range repos {
		x.repo = r
		if x.facts, err = loadRepo(ctx, tx, r.id, h); err != nil {
			return err
		}
		if err := x.images(ctx, tx); err != nil {
			return err
		}
		if err := x.looks(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// images exports the images of the repo at hand one after the other.
func (x *exporter) images(ctx context.Context, tx pgx.Tx) error {
	first, end := x.repo.id<<32, (x.repo.id+1)<<32
	cursor, err := openReadings(ctx, tx, storedReadings, first, end)
	if err != nil {
		return err
	}
	for after := first; ; {
		list, err := verifyImages(ctx, tx, after, end)
		if err != nil {
			return err
		}
		for i := range list {
			d := &list[i]
			if err := cursor.into(ctx, d, func(*reading) {}); err != nil {
				return err
			}
			if x.opt.Image == "" || x.opt.Image == d.image.Name {
				x.image(d)
			}
			after = d.image.ID
			list[i] = derived{}
		}
		if x.failed != nil {
			return x.failed
		}
		if len(list) == 0 {
			return cursor.close(ctx)
		}
	}
}

// looks exports when the repo was looked at. The images say no more of an empty list, or of one in which nothing changed.
func (x *exporter) looks(ctx context.Context, tx pgx.Tx) error {
	if x.opt.Image != "" {
		return nil
	}
	rows, err := tx.Query(ctx, `
-- name: ExportLooks
SELECT at, CASE WHEN complete THEN 'complete' WHEN status = 'held' THEN 'held' ELSE 'drifting' END
FROM syncer.looks
WHERE repo_id = $1 AND weight IS NOT NULL
ORDER BY at`, x.repo.id)
	if err != nil {
		return err
	}
	var o exportLine
	_, err = pgx.ForEachRow(rows, []any{&o.at, &o.look}, func() error {
		x.write(o)
		return x.failed
	})
	return err
}

// write writes a line about the repo at hand when its moment is asked for.
func (x *exporter) write(o exportLine) {
	if x.failed != nil || o.at.Before(x.opt.Since) || !x.opt.Until.IsZero() && !o.at.Before(x.opt.Until) {
		return
	}
	o.repo = x.repo
	x.failed = x.out.write(&o)
}
