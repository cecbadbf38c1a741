package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// VerifyOptions adjust Verify.
type VerifyOptions struct {
	// Zone is that of a CreateTime that names none, by source. Required.
	Zone     func(source string) *time.Location
	Repair   bool                  // mend what is derived; facts are never touched
	Progress func(done, total int) // repos; may be nil
}

// Verified adds up a verification.
type Verified struct {
	Repos, Images, HistoryRows, Differences, Repaired int64
}

// Verify derives everything that can be derived from looks and readings again, repo by repo, and reports every difference. A repo,
// and how far back facts are kept, is read as of one moment; with Repair it is locked while it is verified and mended. Its memory
// depends on the readings of the largest image.
func (s *Store) Verify(ctx context.Context, opt VerifyOptions, report func(Difference)) (Verified, error) {
	var sum Verified
	repos, err := s.verifyPlan(ctx)
	if err != nil {
		return sum, databaseError("verify", err)
	}
	access := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if opt.Repair {
		access = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	}
	for i := range repos {
		v := &verifier{repo: repos[i], opt: opt, zone: opt.Zone(repos[i].key.Source)}
		if err := pgx.BeginTxFunc(ctx, s.pool, access, func(tx pgx.Tx) error { return v.run(ctx, tx) }); err != nil {
			return sum, databaseError(fmt.Sprintf("verify %s", repos[i].key), err)
		}
		for _, d := range v.found {
			sum.Differences++
			if d.Repaired {
				sum.Repaired++
			}
			report(d)
		}
		sum.Repos, sum.Images, sum.HistoryRows = sum.Repos+1, sum.Images+v.images, sum.HistoryRows+v.rows
		if opt.Progress != nil {
			opt.Progress(i+1, len(repos))
		}
	}
	return sum, nil
}

type verifyRepo struct {
	id  int64
	key registry.RepoKey
}

func (s *Store) verifyPlan(ctx context.Context) (repos []verifyRepo, err error) {
	rows, err := s.pool.Query(ctx, "-- name: VerifyRepos\nSELECT repo_id, source, name FROM syncer.repos ORDER BY repo_id")
	if err != nil {
		return nil, err
	}
	var r verifyRepo
	_, err = pgx.ForEachRow(rows, []any{&r.id, &r.key.Source, &r.key.Name}, func() error {
		repos = append(repos, r)
		return nil
	})
	return repos, err
}

// verifier verifies one repo in one transaction.
type verifier struct {
	repo  verifyRepo
	opt   VerifyOptions
	zone  *time.Location
	tally *repoTally
	out   rewrites

	found        []Difference
	images, rows int64
	live, counts int64 // images that are not deleted, and the sum of their counts
	last         int64 // number of the last image
}

const storedReadings = `
SELECT image_id, observed_at, pull_count, since, pulls, generation, kind, archived, absent, latest_tag, create_time, update_time, 0::smallint AS origin
FROM syncer.kept_readings WHERE image_id > $1 AND image_id < $2
UNION ALL
SELECT image_id, observed_at, pull_count, since, pulls, generation, kind, archived, absent, latest_tag, create_time, update_time, 1::smallint
FROM syncer.readings WHERE image_id > $1 AND image_id < $2
ORDER BY image_id, observed_at, origin`

func (v *verifier) run(ctx context.Context, tx pgx.Tx) error {
	h, err := holdHorizon(ctx, tx)
	if err != nil {
		return err
	}
	// Chunks come in the order of an index. A server that knows nothing of the tables yet would sort the whole repo for each.
	if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off"); err != nil {
		return err
	}
	if v.opt.Repair {
		if _, err := tx.Exec(ctx, "-- name: LockVerifiedRepo\nSELECT FROM syncer.repos WHERE repo_id = $1 FOR NO KEY UPDATE", v.repo.id); err != nil {
			return err
		}
	}
	if v.tally, err = openRepo(ctx, tx, v.repo.id, h); err != nil {
		return err
	}
	v.tally.whole = true
	first, end := v.repo.id<<32, (v.repo.id+1)<<32
	cursor, err := openReadings(ctx, tx, storedReadings, first, end)
	if err != nil {
		return err
	}
	for after := first; ; {
		list, err := verifyImages(ctx, tx, after, end)
		if err != nil {
			return err
		}
		if err := loadDerived(ctx, tx, list, h.history); err != nil {
			return err
		}
		if err := v.chunk(ctx, tx, cursor, list); err != nil {
			return err
		}
		if len(list) == 0 {
			break
		}
		after = list[len(list)-1].image.ID
		v.last = after - first
	}
	if err := cursor.close(ctx); err != nil {
		return err
	}
	return v.wholeRepo(ctx, tx)
}

func verifyImages(ctx context.Context, tx pgx.Tx, after, end int64) ([]derived, error) {
	rows, err := tx.Query(ctx, `
-- name: VerifyImages
SELECT `+imageTable.names("")+` FROM syncer.images WHERE image_id > $1 AND image_id < $2 ORDER BY image_id LIMIT $3`, after, end, deriveImages)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d derived, err error) {
		err = row.Scan(imageTable.targets(&d.image)...)
		return d, err
	})
}

// chunk derives some images again. After the last ones come readings that belong to none.
func (v *verifier) chunk(ctx context.Context, tx pgx.Tx, cursor *readingCursor, list []derived) error {
	orphan := func(r *reading) {
		v.differ(nil, "readings.image_id", &r.ObservedAt, strconv.FormatInt(r.Image, 10), "no such image", false)
	}
	if len(list) == 0 {
		beyond := derived{image: image{ID: (v.repo.id + 1) << 32}}
		return cursor.into(ctx, &beyond, orphan)
	}
	for i := range list {
		if err := cursor.into(ctx, &list[i], orphan); err != nil {
			return err
		}
		v.image(&list[i])
		list[i] = derived{image: image{ID: list[i].image.ID}} // its readings are of no use any more
		if v.opt.Repair {
			if err := v.out.flushAt(ctx, tx, chunk); err != nil {
				return err
			}
		}
	}
	v.images += int64(len(list))
	return nil
}

// image verifies one image.
func (v *verifier) image(d *derived) {
	for i := range d.stored {
		if d.stored[i].Kind != nil {
			v.rows++
		}
	}
	w := derive(d, &v.tally.repoFacts, v.zone)
	v.tally.shift(d, &w)
	if w.image.DeletedAt == nil && w.image.FirstSeenAt != nil {
		v.live++
		v.counts = registry.AddCounts(v.counts, value(w.image.PullCount))
	}
	m := &d.image
	imageTable.differences(m, &w.image, func(column, stored, derived string) {
		v.differ(m, "images."+column, nil, stored, derived, true)
	})
	report(v, m, readingTable, &w.readings, func(r *reading) *time.Time { return &r.ObservedAt })
	report(v, m, imageDayTable, &w.days, func(d *imageDay) *time.Time { return &d.Day })
	report(v, m, eventTable, &w.events, func(e *event) *time.Time { return &e.At })
	if v.opt.Repair {
		v.out.take(d, &w)
	}
}

// wholeRepo verifies what is kept about the repo itself.
func (v *verifier) wholeRepo(ctx context.Context, tx pgx.Tx) error {
	stored, err := loadRepoDays(ctx, tx, v.repo.id)
	if err != nil {
		return err
	}
	want, err := v.tally.wantDays(ctx, tx, stored)
	if err != nil {
		return err
	}
	e := compareRows(repoDayTable, stored, want, byRepoDay)
	report(v, nil, repoDayTable, &e, func(d *repoDay) *time.Time { return &d.Day })
	was, now, err := v.sums(ctx, tx)
	if err != nil {
		return err
	}
	repoSumTable.differences(&was, &now, func(column, stored, derived string) {
		v.differ(nil, "repos."+column, nil, stored, derived, true)
	})
	if !v.opt.Repair {
		return nil
	}
	if err := v.out.flush(ctx, tx, &pgx.Batch{}); err != nil {
		return err
	}
	b := &pgx.Batch{}
	repoDayTable.queueEdits(b, &e)
	if !repoSumTable.same(&was, &now) {
		repoSumTable.queueUpdate(b, []repoSum{now})
	}
	if b.Len() > 0 {
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	return repoDayTable.copyIn(ctx, tx, e.add)
}

// sums are the derived columns of the repo's row, as they are and as they must be.
func (v *verifier) sums(ctx context.Context, tx pgx.Tx) (was, now repoSum, err error) {
	err = tx.QueryRow(ctx, "-- name: VerifyRepo\nSELECT "+repoSumTable.names("")+" FROM syncer.repos WHERE repo_id = $1", v.repo.id).
		Scan(repoSumTable.targets(&was)...)
	now = was
	now.Images, now.PullCount, now.NextImage = v.live, v.counts, max(was.NextImage, v.last+1)
	t := v.tally
	for _, moment := range []struct {
		stored  **time.Time
		derived time.Time
	}{{&now.FirstSeenAt, t.firstLook}, {&now.LastLookAt, t.lastLook}, {&now.LastArchivedAt, t.lastArchived}, {&now.LastCompleteAt, t.lastComplete}} {
		// What happened before looks are kept stands.
		if t.horizon.looks.IsZero() || *moment.stored == nil || !(*moment.stored).Before(t.horizon.looks) {
			*moment.stored = optional(moment.derived)
		}
	}
	return was, now, err
}
