package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/replay"
)

// repoFacts is what is known of a repo while its images are derived.
type repoFacts struct {
	id           int64
	looks        *replay.Looks // of runs
	lastLook     time.Time     // of runs
	lastArchived time.Time
	lastComplete time.Time
	firstLook    time.Time
	days         map[time.Time]dayLooks // since looks are kept
}

// dayLooks is how often a repo's list was read on a day, and how often completely.
type dayLooks struct{ looks, complete int32 }

// loadRepo reads the looks at a repo.
func loadRepo(ctx context.Context, tx pgx.Tx, id int64, h horizon) (*repoFacts, error) {
	r := &repoFacts{id: id, looks: &replay.Looks{From: h.looks}, days: map[time.Time]dayLooks{}}
	rows, err := tx.Query(ctx, `
-- name: LooksAtRepo
SELECT at, run_id IS NULL, weight, complete, status = 'gone'
FROM syncer.looks
WHERE repo_id = $1 AND weight IS NOT NULL
ORDER BY at`, id)
	if err != nil {
		return nil, err
	}
	var at time.Time
	var archived, complete, gone bool
	var weight int8
	_, err = pgx.ForEachRow(rows, []any{&at, &archived, &weight, &complete, &gone}, func() error {
		r.look(at, archived, weight, complete, gone)
		return nil
	})
	if err == nil && r.lastLook.IsZero() && !h.looks.IsZero() { // all of them were dropped
		var last *time.Time
		err = tx.QueryRow(ctx, "-- name: LastDroppedLook\nSELECT last_look_at FROM syncer.repos WHERE repo_id = $1", id).Scan(&last)
		if value(last).Before(h.looks) {
			r.lastLook = value(last)
		}
	}
	return r, err
}

func (r *repoFacts) look(at time.Time, archived bool, weight int8, complete, gone bool) {
	if archived {
		r.lastArchived = at
	} else {
		r.looks.Add(replay.Look{At: at, Weight: weight})
		r.lastLook = at
	}
	if r.firstLook.IsZero() {
		r.firstLook = at
	}
	if weight >= replay.WeightComplete && !gone {
		r.lastComplete = at
	}
	d := r.days[dayOf(at)]
	d.looks++
	if complete {
		d.complete++
	}
	r.days[dayOf(at)] = d
}

// Where a reading that replay is fed with comes from.
const (
	fromKept    int16 = iota // a month that was dropped
	fromStored               // syncer.readings
	fromArchive              // an import
)

// readingCursor hands out the readings of one image after the other, in the order of ids, so that only those of one image need to
// be in memory. It is a cursor of the server's, so that the transaction can write meanwhile.
type readingCursor struct {
	tx    pgx.Tx
	rows  []sourcedReading // fetched and not handed out yet
	ended bool
	total int64 // rows fetched
}

type sourcedReading struct {
	reading
	from int16
}

// fetchReadings is how many readings are fetched at a time.
const fetchReadings = 5000

// openReadings declares the cursor over a query with the columns of a reading and where it comes from, ordered by image,
// moment and origin.
func openReadings(ctx context.Context, tx pgx.Tx, query string, args ...any) (*readingCursor, error) {
	if _, err := tx.Exec(ctx, "-- name: OpenReadings\nDECLARE facts NO SCROLL CURSOR FOR "+query, args...); err != nil {
		return nil, err
	}
	return &readingCursor{tx: tx}, nil
}

func (c *readingCursor) close(ctx context.Context) error {
	_, err := c.tx.Exec(ctx, "CLOSE facts")
	return err
}

// fill fetches more rows when none are left.
func (c *readingCursor) fill(ctx context.Context) error {
	if len(c.rows) > 0 || c.ended {
		return nil
	}
	rows, err := c.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM facts", fetchReadings))
	if err != nil {
		return err
	}
	c.rows, err = pgx.AppendRows(c.rows[:0], rows, func(row pgx.CollectableRow) (r sourcedReading, err error) {
		err = row.Scan(append(readingTable.targets(&r.reading), &r.from)...)
		return r, err
	})
	c.ended = len(c.rows) == 0
	c.total += int64(len(c.rows))
	return err
}

// into adds the readings of an image to it. Readings of images that were passed over are handed to orphan.
func (c *readingCursor) into(ctx context.Context, d *derived, orphan func(*reading)) error {
	for {
		if err := c.fill(ctx); err != nil {
			return err
		}
		if c.ended || c.rows[0].Image > d.image.ID {
			return nil
		}
		r := &c.rows[0]
		switch {
		case r.Image < d.image.ID:
			orphan(&r.reading)
		case r.from == fromKept:
			d.kept = append(d.kept, r.reading)
		case r.from == fromStored:
			d.stored = append(d.stored, r.reading)
		default:
			d.archive = append(d.archive, r.reading)
		}
		c.rows = c.rows[1:]
	}
}

// loadDerived reads what was derived of images before: their days since the months that were dropped, and their events.
func loadDerived(ctx context.Context, tx pgx.Tx, list []derived, horizon time.Time) error {
	at := make(map[int64]*derived, len(list))
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].image.ID
		at[ids[i]] = &list[i]
	}
	rows, err := tx.Query(ctx, `
-- name: DerivedDays
SELECT `+imageDayTable.names("")+` FROM syncer.image_days WHERE image_id = ANY ($1) AND day >= $2 ORDER BY image_id, day`, ids, dayOf(horizon))
	if err != nil {
		return err
	}
	var day imageDay
	if _, err := pgx.ForEachRow(rows, imageDayTable.targets(&day), func() error {
		at[day.Image].days = append(at[day.Image].days, day)
		day.Pulls = nil
		return nil
	}); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `
-- name: DerivedEvents
SELECT `+eventTable.names("")+` FROM syncer.events WHERE image_id = ANY ($1) ORDER BY image_id, at, event COLLATE "C" DESC`, ids)
	if err != nil {
		return err
	}
	var e event
	_, err = pgx.ForEachRow(rows, eventTable.targets(&e), func() error {
		at[*e.Image].events = append(at[*e.Image].events, e)
		e.Image, e.OldValue, e.NewValue = nil, nil, nil
		return nil
	})
	return err
}
