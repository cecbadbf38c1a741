package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// merge folds the stream image by image and writes what comes of it.
func (im *importer) merge(ctx context.Context) error {
	images, err := im.openImages(ctx)
	if err != nil {
		return err
	}
	st, err := im.openStream(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	m := &merger{im: im, images: images, out: newImportWriter(im)}
	total := int(im.sum.Observations)
	done, shown := 0, 0
	for batch := range st.batches {
		for i := range batch {
			if err := m.take(ctx, &batch[i]); err != nil {
				return err
			}
			if !batch[i].isHistory {
				done++
			}
		}
		if done-shown >= progressEvery {
			shown = done
			im.opt.Progress(done, total)
		}
	}
	if st.err != nil {
		return st.err
	}
	if err := m.finish(ctx); err != nil {
		return err
	}
	im.opt.Progress(total, total)
	return m.out.flush(ctx)
}

// imageCursor reads the images of the import in the order of their ids, known ones as they are.
type imageCursor struct {
	tx   pgx.Tx
	list []importImage
}

type importImage struct {
	image
	known bool
}

func (im *importer) openImages(ctx context.Context) (*imageCursor, error) {
	// Columns of a new image that may not be NULL get a value that is never looked at.
	err := execAll(ctx, im.write, `
-- name: ImportedImages
DECLARE imported_images NO SCROLL CURSOR FOR
SELECT t.known, t.image_id, t.name, i.pull_count, i.kind, i.count_before, i.observed_at, COALESCE(i.generation, 1), i.latest_tag,
       i.create_time_raw, i.created_at, i.update_time_raw, i.updated_at, COALESCE(i.first_seen_at, '2000-01-01Z'), i.absent_at,
       i.last_seen_at, i.last_counted_at, i.last_pulled_at, COALESCE(i.absence, 0::smallint), i.missing_since, i.deleted_at
FROM import_images t
LEFT JOIN syncer.images i USING (image_id)
ORDER BY t.image_id`)
	return &imageCursor{tx: im.write}, err
}

// find moves on to an image, which is never before the last one.
func (c *imageCursor) find(ctx context.Context, id int64) (*importImage, error) {
	for {
		for len(c.list) > 0 {
			first := &c.list[0]
			c.list = c.list[1:]
			if first.ID == id {
				return first, nil
			}
		}
		rows, err := c.tx.Query(ctx, "-- name: NextImportedImages\nFETCH 2000 FROM imported_images")
		if err != nil {
			return nil, err
		}
		if c.list, err = pgx.CollectRows(rows, scanImported); err != nil {
			return nil, err
		}
		if len(c.list) == 0 {
			return nil, fmt.Errorf("image %d of the import is not among its images", id)
		}
	}
}

func scanImported(row pgx.CollectableRow) (m importImage, err error) {
	err = row.Scan(&m.known, &m.ID, &m.Name, &m.PullCount, &m.Kind, &m.CountBefore, &m.ObservedAt, &m.Generation, &m.LatestTag,
		&m.CreateTimeRaw, &m.CreatedAt, &m.UpdateTimeRaw, &m.UpdatedAt, &m.FirstSeenAt, &m.AbsentAt, &m.LastSeenAt,
		&m.LastCountedAt, &m.LastPulledAt, &m.Absence, &m.MissingSince, &m.DeletedAt)
	return m, err
}
