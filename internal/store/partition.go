package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// monthsError says that a transaction is about to write into months that have no partitions.
type monthsError struct{ first, last time.Time }

func (m *monthsError) Error() string {
	return fmt.Sprintf("no partitions from %s to %s", m.first.Format("2006-01"), m.last.Format("2006-01"))
}

// needMonths makes sure that the moments can be written, or returns monthsError. The server is asked each time: what a process
// remembers of months outlives a schema that was made again, a restored backup, and another process's retention.
func needMonths(ctx context.Context, tx pgx.Tx, moments []time.Time) error {
	if len(moments) == 0 {
		return nil
	}
	var first, last *time.Time
	err := tx.QueryRow(ctx, `
-- name: MissingMonths
SELECT MIN(m), MAX(m)
FROM (SELECT DISTINCT date_trunc('month', t, 'UTC') AS m FROM unnest($1::timestamptz[]) AS t) months,
     to_char(m AT TIME ZONE 'UTC', '"y"FMYYYY"m"MM') AS part
WHERE to_regclass('syncer.readings_' || part) IS NULL
   OR to_regclass('syncer.image_days_' || part) IS NULL
   OR to_regclass('syncer.looks_' || part) IS NULL`, moments).Scan(&first, &last)
	if err != nil || first == nil {
		return err
	}
	return &monthsError{*first, *last}
}

// makeMonths makes sure that the months from first to last can be written.
func makeMonths(ctx context.Context, db execer, first, last time.Time) error {
	_, err := db.Exec(ctx, "-- name: MakePartitions\nSELECT syncer.make_partitions($1, $2)", first, last)
	return err
}

// monthOf is the beginning of the UTC month that t lies in.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// dayOf is the UTC day that t lies in.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
