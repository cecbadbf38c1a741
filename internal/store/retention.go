package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// horizon is how far back facts are kept; zero times say that nothing was dropped.
type horizon struct {
	history time.Time // readings before it are dropped
	looks   time.Time // looks before it are dropped
}

// holdHorizon reads the horizon and keeps retention from moving it until the transaction ends.
func holdHorizon(ctx context.Context, tx pgx.Tx) (h horizon, err error) {
	// LOCK comes before the transaction's first snapshot, so nothing of what a retention drops just now is in it.
	if _, err := tx.Exec(ctx, "-- name: HoldHorizon\nLOCK TABLE syncer.retention IN ROW SHARE MODE"); err != nil {
		return h, err
	}
	var history, looks *time.Time
	err = tx.QueryRow(ctx, "-- name: Horizon\nSELECT max(history_from), max(GREATEST(history_from, looks_from)) FROM syncer.retention").Scan(&history, &looks)
	return horizon{history: value(history), looks: value(looks)}, err
}

// ErrBusy is wrapped when retention leaves its work to the next time, since an import or a verification still counts on what it
// would drop.
var ErrBusy = errors.New("an import or a verification still reads it")

// Dropped is a month that retention let go of.
type Dropped struct {
	Month time.Time // its beginning, UTC
	Rows  int64     // of readings, or of looks
}

// DropHistory drops the months of readings, and of looks, that ended by the cutoff. A month goes only when the daily roll-up holds
// every day of every image in it, and leaves the last readings of each image behind; roll-up, states and events stay for ever.
func (s *Store) DropHistory(ctx context.Context, cutoff time.Time) ([]Dropped, error) {
	return s.drop(ctx, "readings", cutoff, dropMonth)
}

// DropLooks drops the months of looks that ended by the cutoff.
func (s *Store) DropLooks(ctx context.Context, cutoff time.Time) ([]Dropped, error) {
	return s.drop(ctx, "looks", cutoff, func(ctx context.Context, tx pgx.Tx, month time.Time) (Dropped, error) {
		d := Dropped{Month: month}
		if err := tx.QueryRow(ctx, "-- name: LooksOfMonth\nSELECT count(*) FROM "+partition("looks", month)).Scan(&d.Rows); err != nil {
			return d, err
		}
		if err := dropPartition(ctx, tx, "looks", month); err != nil {
			return d, err
		}
		return d, moveHorizon(ctx, tx, "looks_from", month)
	})
}

// drop drops month after month, each in a transaction that waits for nobody: a lock that is waited for makes everybody else wait
// behind it.
func (s *Store) drop(ctx context.Context, table string, cutoff time.Time, dropMonth func(context.Context, pgx.Tx, time.Time) (Dropped, error)) ([]Dropped, error) {
	months, err := s.monthsBefore(ctx, table, cutoff)
	if err != nil {
		return nil, databaseError("list months of "+table, err)
	}
	var dropped []Dropped
	for _, m := range months {
		var d Dropped
		err := pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) (err error) {
			if _, err := tx.Exec(ctx, "-- name: TakeHorizon\nLOCK TABLE syncer.retention IN EXCLUSIVE MODE NOWAIT"); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '5s'"); err != nil {
				return err
			}
			d, err = dropMonth(ctx, tx, m)
			return err
		})
		doing := fmt.Sprintf("drop %s of %s", table, m.Format("2006-01"))
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code == "55P03": // lock_not_available
			return dropped, fmt.Errorf("%s: %w", doing, ErrBusy)
		case err != nil:
			return dropped, databaseError(doing, err)
		}
		dropped = append(dropped, d)
	}
	return dropped, nil
}

// monthsBefore lists the months with a partition of the table that ended by the cutoff, oldest first.
func (s *Store) monthsBefore(ctx context.Context, table string, cutoff time.Time) ([]time.Time, error) {
	rows, err := s.pool.Query(ctx, `
-- name: MonthsKept
SELECT to_date(right(c.relname, 7), 'YYYY"m"MM')
FROM pg_catalog.pg_inherits p JOIN pg_catalog.pg_class c ON c.oid = p.inhrelid
WHERE p.inhparent = ('syncer.' || $1)::regclass
ORDER BY 1`, table)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	var months []time.Time
	for _, m := range all {
		if !m.AddDate(0, 1, 0).After(cutoff) {
			months = append(months, m)
		}
	}
	return months, err
}

// partition is the table of a month.
func partition(table string, month time.Time) string {
	return pgx.Identifier{"syncer", table + "_y" + month.Format("2006m01")}.Sanitize()
}

func dropPartition(ctx context.Context, tx pgx.Tx, table string, month time.Time) error {
	_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+partition(table, month))
	return err
}

func moveHorizon(ctx context.Context, tx pgx.Tx, column string, month time.Time) error {
	_, err := tx.Exec(ctx, fmt.Sprintf(`
-- name: MoveHorizon
INSERT INTO syncer.retention AS r (%[1]s) VALUES ($1)
ON CONFLICT (one_row) DO UPDATE SET %[1]s = GREATEST(r.%[1]s, EXCLUDED.%[1]s)`, column), month.AddDate(0, 1, 0))
	return err
}

// lastReadings are those of a table's readings from which everything later is derived: of each image the last row of the history that
// is not in doubt and all after it; and, up to that row, the last that says how runs read it, the last at which runs saw it, and the last of runs and of archives that
// has a tag, and that has each CreateTime.
const lastReadings = `
SELECT * FROM (
    SELECT *, max(observed_at) FILTER (WHERE NOT archived) OVER i AS live_at,
           max(observed_at) FILTER (WHERE NOT archived AND absent IS NULL) OVER i AS sight_at,
           max(observed_at) FILTER (WHERE latest_tag IS NOT NULL) OVER a AS tag_at,
           max(observed_at) FILTER (WHERE latest_tag <> '') OVER a AS named_at,
           max(observed_at) FILTER (WHERE create_time IS NOT NULL AND pull_count IS NOT NULL) OVER c AS create_at
    FROM (SELECT *, observed_at >= COALESCE(max(observed_at) FILTER (WHERE kind <> 5) OVER (PARTITION BY image_id), '-infinity') AS unsettled,
                 observed_at > COALESCE(max(observed_at) FILTER (WHERE kind <> 5) OVER (PARTITION BY image_id), '-infinity') AS later
          FROM %s) s
    WINDOW i AS (PARTITION BY image_id, later), a AS (PARTITION BY image_id, later, archived), c AS (PARTITION BY image_id, later, archived, create_time)
) w
WHERE unsettled OR observed_at IN (live_at, sight_at, tag_at, named_at, create_at)`

// dropMonth drops one month once the roll-up covers it.
func dropMonth(ctx context.Context, tx pgx.Tx, month time.Time) (Dropped, error) {
	d := Dropped{Month: month}
	part := partition("readings", month)
	var uncovered int64
	if err := tx.QueryRow(ctx, `
-- name: UncoveredReadings
SELECT count(*), count(*) FILTER (WHERE d.image_id IS NULL AND h.kind IS NOT NULL)
FROM `+part+` h
LEFT JOIN syncer.image_days d ON d.image_id = h.image_id AND d.day = (h.observed_at AT TIME ZONE 'UTC')::date`).Scan(&d.Rows, &uncovered); err != nil {
		return d, err
	}
	if uncovered > 0 {
		return d, fmt.Errorf("%d of its rows are not in the daily roll-up; run syncer verify --repair", uncovered)
	}
	names := readingTable.names("")
	for _, sql := range []string{
		"-- name: KeepReadings\nINSERT INTO syncer.kept_readings (" + names + ") SELECT " + names + " FROM (" + fmt.Sprintf(lastReadings, part) + ") k",
		"-- name: PruneKeptReadings\nDELETE FROM syncer.kept_readings k WHERE image_id IN (SELECT image_id FROM " + part + ") AND NOT EXISTS (SELECT FROM (" +
			fmt.Sprintf(lastReadings, "(SELECT * FROM syncer.kept_readings WHERE image_id IN (SELECT image_id FROM "+part+")) p") +
			") l WHERE l.image_id = k.image_id AND l.observed_at = k.observed_at)",
		"DROP TABLE " + part,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return d, err
		}
	}
	if err := dropPartition(ctx, tx, "looks", month); err != nil {
		return d, err
	}
	return d, moveHorizon(ctx, tx, "history_from", month)
}
