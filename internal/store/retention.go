package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Dropped is a month of the history that retention let go of.
type Dropped struct {
	Month time.Time // its beginning, UTC
	Rows  int64
}

// DropHistory drops the months of the history, and of the records of repos in runs, that ended by the cutoff. A month goes
// only when the daily roll-up holds every day of every image in it; roll-up, current counts and events stay for ever.
func (s *Store) DropHistory(ctx context.Context, cutoff time.Time) ([]Dropped, error) {
	months, err := s.monthsBefore(ctx, cutoff)
	if err != nil {
		return nil, databaseError("list months of the history", err)
	}
	var dropped []Dropped
	for _, m := range months {
		var d Dropped
		err := pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) (err error) {
			d, err = dropMonth(ctx, tx, m)
			return err
		})
		if err != nil {
			return dropped, databaseError("drop history of "+m.Format("2006-01"), err)
		}
		dropped = append(dropped, d)
	}
	return dropped, nil
}

// monthsBefore lists the months with a history partition that ended by the cutoff, oldest first.
func (s *Store) monthsBefore(ctx context.Context, cutoff time.Time) ([]time.Time, error) {
	rows, err := s.pool.Query(ctx, `
-- name: HistoryMonths
SELECT to_date(substring(c.relname FROM 'history_y(.*)$'), 'YYYY"m"MM')
FROM pg_catalog.pg_inherits p JOIN pg_catalog.pg_class c ON c.oid = p.inhrelid
WHERE p.inhparent = 'syncer.history'::regclass
ORDER BY 1`)
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

// dropMonth drops one month once the roll-up covers it.
func dropMonth(ctx context.Context, tx pgx.Tx, month time.Time) (Dropped, error) {
	d := Dropped{Month: month}
	part := "y" + month.Format("2006m01")
	history := pgx.Identifier{"syncer", "history_" + part}.Sanitize()
	var uncovered int64
	if err := tx.QueryRow(ctx, `
-- name: UncoveredHistory
SELECT count(*), count(*) FILTER (WHERE d.image_id IS NULL)
FROM `+history+` h
LEFT JOIN syncer.image_days d ON d.image_id = h.image_id AND d.day = (h.observed_at AT TIME ZONE 'UTC')::date`).Scan(&d.Rows, &uncovered); err != nil {
		return d, err
	}
	if uncovered > 0 {
		return d, fmt.Errorf("%d of its rows are not in the daily roll-up; run syncer verify --repair", uncovered)
	}
	for _, sql := range []string{
		// Whoever reads or writes goes first: a lock that is waited for makes everybody else wait behind it.
		"SET LOCAL lock_timeout = '5s'",
		"DROP TABLE " + history,
		"DROP TABLE IF EXISTS " + pgx.Identifier{"syncer", "repo_syncs_" + part}.Sanitize(),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return d, err
		}
	}
	_, err := tx.Exec(ctx, `
-- name: MoveHistoryHorizon
INSERT INTO syncer.retention AS r (history_from) VALUES ($1)
ON CONFLICT (one_row) DO UPDATE SET history_from = GREATEST(r.history_from, EXCLUDED.history_from)`, month.AddDate(0, 1, 0))
	return d, err
}
