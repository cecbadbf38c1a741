package store

import (
	"context"
	"time"
)

// makePartitions makes sure that the months from first to last can be written. It is its own short transaction: a lock on the
// parent tables must not last as long as the writing of a repo.
func (s *Store) makePartitions(ctx context.Context, first, last time.Time) error {
	missing := false
	for m := monthOf(first); !m.After(last); m = m.AddDate(0, 1, 0) {
		if _, known := s.months.Load(m); !known {
			missing = true
		}
	}
	if !missing {
		return nil
	}
	if _, err := s.pool.Exec(ctx, "-- name: MakePartitions\nSELECT syncer.make_partitions($1, $2)", first, last); err != nil {
		return databaseError("make partitions", err)
	}
	for m := monthOf(first); !m.After(last); m = m.AddDate(0, 1, 0) {
		s.months.Store(m, true)
	}
	return nil
}

// monthOf is the beginning of the UTC month that t lies in.
func monthOf(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// dayOf is the UTC day that t lies in.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
