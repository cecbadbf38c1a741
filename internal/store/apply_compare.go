package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/pulls"
	"syncer/internal/registry"
	"syncer/internal/replay"
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

// briefColumns are the few columns that decide whether an image changed, enough to write a plain rise of its count. Settled is an
// image of which the last look of a run read the count, and all else that the row says: no archive has changed it since.
var briefColumns = fmt.Sprintf(`image_id, name, pull_count, latest_tag, CASE WHEN live & %[1]d <> 0 THEN create_time_raw ELSE '' END,
    CASE WHEN update_read_at IS NULL THEN update_time_raw END, generation, observed_at, last_pulled_at,
    fallen_at IS NULL AND last_seen_at IS NULL AND last_counted_at IS NULL AND absence = 0 AND updated_from IS NULL AND live IN (%[2]d, %[3]d),
    first_seen_at IS NOT NULL AND (deleted_at IS NULL OR live & %[4]d = %[5]d)`, replay.LiveCreated,
	settledLive|replay.LiveCreated, settledLive|replay.LiveNoCreated, replay.LiveRow|replay.LiveAbsent, replay.LiveRow)

// settledLive are the flags of a settled image, together with whether a CreateTime was given.
const settledLive = replay.LiveRow | replay.LiveCount | replay.LiveTag

// Positions of the brief columns.
const (
	colID = iota
	colName
	colCount
	colTag
	colCreateRaw
	colUpdateRaw
	colGeneration
	colObserved
	colPulled
	colSettled // counted and seen by the repo's last look, and nothing in doubt
	colLive
)

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
		return // what is deleted, or was never there, stays so; unless an archive alone says so, and runs had seen it last
	}
	l.found[i] = true
	img := &l.snap.Images[i]
	switch settled := settledAs(raw, img); {
	case settled && int64Of(raw[colCount]) == img.PullCount && string(raw[colUpdateRaw]) == img.Updated.Raw:
		l.live++
		l.liveSum = registry.AddCounts(l.liveSum, img.PullCount)
	case settled && img.PullCount > int64Of(raw[colCount]) && (img.Updated.Raw != "" || len(raw[colUpdateRaw]) == 0):
		l.rise(cmp.c, raw, img)
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
SELECT `+imageTable.names("")+` FROM syncer.images WHERE image_id = ANY ($1) ORDER BY image_id`, cmp.open)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m image
		if err := rows.Scan(imageTable.targets(&m)...); err != nil {
			return fmt.Errorf("read known images: %w", err)
		}
		l := cmp.byRepo[m.RepoID]
		if i, ok := l.seen[m.Name]; ok {
			l.see(cmp.c, m, &l.snap.Images[i])
		} else {
			l.unseen = append(l.unseen, m)
		}
	}
	cmp.open = cmp.open[:0]
	return rows.Err()
}

// settledAs reports from the wire form of a brief row whether img differs from the image in count and UpdateTime at most. It
// allocates nothing: an hourly run over a million images should cost what reading them costs.
func settledAs(raw [][]byte, img *registry.Image) bool {
	return img.Counted && raw[colSettled][0] != 0 && string(raw[colTag]) == img.LatestTag && string(raw[colCreateRaw]) == img.Created.Raw
}

// rise writes down that a settled count rose, which is what most changes are.
func (l *look) rise(c *changes, raw [][]byte, img *registry.Image) {
	count := int64Of(raw[colCount])
	before := replay.State{
		State: pulls.State{Count: count, Believed: count, Generation: int32(binary.BigEndian.Uint32(raw[colGeneration]))},
		Tag:   replay.Known(img.LatestTag), CreatedRaw: img.Created.Raw, FirstSeen: value(l.lastLook), LastSeen: value(l.lastLook),
		LastCounted: value(l.lastLook), Live: settledLive | replay.LiveNoCreated,
	}
	if before.CreatedRaw != "" {
		before.Live = settledLive | replay.LiveCreated
	}
	o := replay.Observation{At: l.at, Counted: true, Count: img.PullCount, Tag: before.Tag}
	o.Created.Raw = before.CreatedRaw
	replay.Step(&before, &o, &l.out)
	id := int64Of(raw[colID])
	m := rise{image: id, count: img.PullCount, kind: int16(l.out.Row.Kind), at: l.at}
	if string(raw[colUpdateRaw]) != img.Updated.Raw {
		updated := stored(img.Updated)
		m.updateRaw, m.updated = &updated.Raw, optional(updated.At)
	}
	c.rises = append(c.rises, m)
	c.readings.add = append(c.readings.add, readingOf(id, &l.out.Reading))
	l.log(c, id, timeOf(raw[colObserved]), timeOf(raw[colPulled]), &l.out.Row)
	l.changed++
	l.live++
	l.liveSum = registry.AddCounts(l.liveSum, img.PullCount)
}

func int64Of(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw)) }

// pgEpoch is what PostgreSQL counts microseconds from.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func timeOf(raw []byte) time.Time {
	if raw == nil { // NULL
		return time.Time{}
	}
	return pgEpoch.Add(time.Duration(int64Of(raw)) * time.Microsecond)
}
