package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// importedReadings are all readings of the images of an import, those stored and those staged.
const importedReadings = `
SELECT image_id, observed_at, pull_count, since, pulls, generation, kind, archived, absent, latest_tag, create_time, update_time, 0::smallint AS origin
FROM syncer.kept_readings WHERE image_id IN (SELECT image_id FROM import_images WHERE known)
UNION ALL
SELECT image_id, observed_at, pull_count, since, pulls, generation, kind, archived, absent, latest_tag, create_time, update_time, 1::smallint
FROM syncer.readings WHERE image_id IN (SELECT image_id FROM import_images WHERE known)
UNION ALL
SELECT i.image_id, o.at, o.pull_count, NULL, NULL, NULL, NULL, true, o.absent, o.latest_tag, o.create_time, o.update_time, 2::smallint
FROM import_readings o JOIN import_images i USING (repo_ref, name)
ORDER BY image_id, observed_at, origin`

// merge replays the images of the import one after the other and writes what differs from what is stored.
func (im *importer) merge(ctx context.Context) error {
	cursor, err := openReadings(ctx, im.tx, importedReadings)
	if err != nil {
		return err
	}
	im.out = &rewrites{}
	ignore := func(*reading) {}
	for last := int64(0); ; {
		list, err := im.images(ctx, last)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		last = list[len(list)-1].image.ID
		if err := loadDerived(ctx, im.tx, list, im.horizon.history); err != nil {
			return err
		}
		for i := range list {
			if err := cursor.into(ctx, &list[i], ignore); err != nil {
				return err
			}
			if err := im.image(ctx, &list[i]); err != nil {
				return err
			}
			list[i] = derived{} // its readings are of no use any more
		}
		im.opt.Progress(int(min(cursor.total, im.sum.Observations)), int(im.sum.Observations))
	}
	if err := im.onlyLookedAt(ctx); err != nil {
		return err
	}
	if err := im.leaveRepo(ctx); err != nil {
		return err
	}
	if err := im.out.flush(ctx, im.tx, &pgx.Batch{}); err != nil {
		return err
	}
	return cursor.close(ctx)
}

// images reads the next images of the import; of new ones there is nothing but the id and the name.
func (im *importer) images(ctx context.Context, after int64) ([]derived, error) {
	rows, err := im.tx.Query(ctx, `
-- name: ImportedImages
SELECT n.image_id, n.repo_id, n.name, NOT n.known, `+imageTable.coalesced("i.", 3)+`
FROM (SELECT * FROM import_images WHERE image_id > $1 ORDER BY image_id LIMIT $2) n
LEFT JOIN syncer.images i USING (image_id)
ORDER BY n.image_id`, after, deriveImages)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d derived, err error) {
		targets := imageTable.targets(&d.image)
		err = row.Scan(append([]any{targets[0], targets[1], targets[2], &d.isNew}, targets[3:]...)...)
		return d, err
	})
}

// image derives one image and takes over what comes of it.
func (im *importer) image(ctx context.Context, d *derived) error {
	if err := im.enterRepo(ctx, d.image.RepoID); err != nil {
		return err
	}
	w := derive(d, &im.repo.repoFacts, im.opt.Zone)
	im.repo.shift(d, &w)
	im.count(d, &w)
	im.out.take(d, &w)
	return im.out.flushAt(ctx, im.tx, chunk)
}

// count adds up what is told of the import.
func (im *importer) count(d *derived, w *rewrite) {
	im.sum.Conflicts += int64(w.conflicts)
	shown := func(rows []reading) (n int64) {
		for i := range rows {
			if rows[i].Kind != nil {
				n++
			}
		}
		return n
	}
	im.sum.RowsAdded += shown(w.readings.add)
	for i := range w.readings.change {
		before, now := w.readings.was[i].Kind != nil, w.readings.change[i].Kind != nil
		switch {
		case before && now && !sameHistory(&w.readings.was[i], &w.readings.change[i]):
			im.sum.RowsChanged++
		case before && !now:
			im.sum.RowsRemoved++
		case !before && now:
			im.sum.RowsAdded++
		}
	}
	switch {
	case d.isNew:
		im.sum.ImagesNew++
	case !imageTable.same(&d.image, &w.image) || !w.readings.empty() || !w.days.empty() || !w.events.empty():
		im.sum.ImagesMoved++
	}
}

// sameHistory reports whether two readings stand in the history as the same row.
func sameHistory(a, b *reading) bool {
	return equal(a.PullCount, b.PullCount) && equal(a.Kind, b.Kind) && equal(a.Pulls, b.Pulls) && sameMoment(a.Since, b.Since) &&
		equal(a.Generation, b.Generation)
}

// enterRepo makes the repo of the next image the one at hand. Images come in the order of their repos.
func (im *importer) enterRepo(ctx context.Context, id int64) error {
	if im.repo != nil && im.repo.id == id {
		return nil
	}
	if err := im.leaveRepo(ctx); err != nil {
		return err
	}
	var err error
	im.repo, err = openRepo(ctx, im.tx, id, im.horizon)
	return err
}

// onlyLookedAt goes through the repos of which the import has nothing but looks.
func (im *importer) onlyLookedAt(ctx context.Context) error {
	rows, err := im.tx.Query(ctx, `
-- name: OnlyLookedAt
SELECT repo_id FROM import_repos k WHERE NOT EXISTS (SELECT FROM import_images i WHERE i.repo_id = k.repo_id) ORDER BY repo_id`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := im.enterRepo(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// leaveRepo writes what the images of the repo at hand come to for the repo.
func (im *importer) leaveRepo(ctx context.Context) error {
	if im.repo == nil {
		return nil
	}
	if err := im.out.flush(ctx, im.tx, &pgx.Batch{}); err != nil { // sums are taken of what is stored
		return err
	}
	return im.repo.settle(ctx, im.tx)
}
