package store

import (
	"context"
	"fmt"
	"sort"

	"github.com/jackc/pgx/v5"
)

// writeLooks compares the snapshots with what is known and writes the difference.
func writeLooks(ctx context.Context, tx pgx.Tx, looks []*look, c *changes) error {
	sort.Slice(looks, func(i, j int) bool { return looks[i].repoID < looks[j].repoID })
	if err := compareKnown(ctx, tx, looks, c); err != nil {
		return err
	}
	for _, l := range looks {
		l.judge(c)
		for _, m := range l.unseen {
			l.miss(c, m)
			if err := c.flushAt(ctx, tx, chunk); err != nil {
				return err
			}
		}
		for i, found := range l.found {
			if found {
				continue
			}
			l.add(c, &l.snap.Images[i])
			if err := c.flushAt(ctx, tx, chunk); err != nil {
				return err
			}
		}
	}
	return c.flushAt(ctx, tx, 1)
}

// comparison goes through the known images of some repos.
type comparison struct {
	byRepo map[int64]*look
	c      *changes
	open   []int64 // images that want a closer look
}

// compareKnown compares the known images of the repos with their snapshots: those of one repo a chunk at a time, those of
// many in one answer, as they are few, or their snapshots would not be applied together.
func compareKnown(ctx context.Context, tx pgx.Tx, looks []*look, c *changes) error {
	cmp := &comparison{byRepo: make(map[int64]*look, len(looks)), c: c}
	ids := make([]int64, len(looks))
	for i, l := range looks {
		l.index()
		cmp.byRepo[l.repoID], ids[i] = l, l.repoID
	}
	if len(ids) != 1 {
		return cmp.next(ctx, tx, `
-- name: KnownImages
SELECT `+briefColumns+` FROM syncer.images WHERE repo_id = ANY ($1)`, ids)
	}
	// By ranges of numbers, not by LIMIT: a server that knows nothing of the table yet would sort all the repo's images for
	// each chunk.
	first, end := ids[0]<<32, ids[0]<<32+looks[0].nextImage
	for ; first < end; first += chunk {
		if err := cmp.next(ctx, tx, `
-- name: KnownImagesOfOneRepo
SELECT `+briefColumns+` FROM syncer.images WHERE image_id >= $1 AND image_id < $2`, first, min(first+chunk, end)); err != nil {
			return err
		}
	}
	return nil
}

// next compares the images of one answer, in brief first, then those that want it in full.
func (cmp *comparison) next(ctx context.Context, tx pgx.Tx, sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		cmp.brief(rows.RawValues())
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := cmp.full(ctx, tx); err != nil {
		return err
	}
	return cmp.c.flushAt(ctx, tx, chunk/2)
}

// brief looks a known image up in the snapshot of its repo. Nearly all images are done with here.
func (cmp *comparison) brief(raw [][]byte) {
	id := int64Of(raw[colID])
	l := cmp.byRepo[id>>32]
	i, ok := l.seen[string(raw[colName])]
	if !ok {
		if raw[colLive][0] != 0 {
			cmp.open = append(cmp.open, id)
		}
		return // what is deleted stays deleted
	}
	l.found[i] = true
	img := &l.snap.Images[i]
	switch settled := settledAs(raw, img); {
	case settled && int64Of(raw[colCount]) == img.PullCount && sameText(raw[colUpdateRaw], img.Updated.Raw):
		l.live++
		l.liveSum = addCapped(l.liveSum, img.PullCount)
	case settled && l.move(cmp.c, raw, img):
	default:
		cmp.open = append(cmp.open, id)
	}
}

// full loads the images that want it and lets their looks see or miss them.
func (cmp *comparison) full(ctx context.Context, tx pgx.Tx) error {
	if len(cmp.open) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
-- name: KnownImagesInFull
SELECT `+imageColumns+` FROM syncer.images WHERE image_id = ANY ($1) ORDER BY image_id`, cmp.open)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m image
		if err := m.scan(rows); err != nil {
			return fmt.Errorf("read known images: %w", err)
		}
		l := cmp.byRepo[m.ID>>32]
		if i, ok := l.seen[m.Name]; ok {
			l.see(cmp.c, m, &l.snap.Images[i])
		} else {
			l.unseen = append(l.unseen, m)
		}
	}
	cmp.open = cmp.open[:0]
	return rows.Err()
}
