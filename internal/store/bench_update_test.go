package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Counts of known images, written from arrays as the store does, against COPY into a temporary table and a merge from there:
// the one round trip wins up to thousands of rows and costs a little at the largest chunk.
func BenchmarkUpdateMethod(b *testing.B) {
	f := newFleet(b, 20, 1000)
	f.sync()
	f.exec("VACUUM ANALYZE")
	var ids []int64
	rows, err := f.conn.Query(b.Context(), `SELECT image_id FROM syncer.images ORDER BY image_id`)
	if err != nil {
		b.Fatal(err)
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10, 1000, 20_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			f.b = b
			count := int64(1_000_000)
			against(b, 1.3, n,
				func() time.Duration { count++; return f.updateFromArrays(ids[:n], count) },
				func() time.Duration { count++; return f.updateFromCopy(ids[:n], count) })
		})
	}
}

func (f *fleet) updateFromArrays(ids []int64, count int64) time.Duration {
	counts := make(pgtype.FlatArray[int64], len(ids))
	for i := range counts {
		counts[i] = count
	}
	began := time.Now()
	f.exec(`UPDATE syncer.images i SET pull_count = u.pull_count
FROM unnest($1::bigint[], $2::bigint[]) AS u (image_id, pull_count) WHERE i.image_id = u.image_id`, ids, counts)
	return time.Since(began)
}

func (f *fleet) updateFromCopy(ids []int64, count int64) time.Duration {
	began := time.Now()
	err := pgx.BeginFunc(f.b.Context(), f.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(f.b.Context(), `CREATE TEMP TABLE changed (image_id bigint, pull_count bigint) ON COMMIT DROP`); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(f.b.Context(), pgx.Identifier{"changed"}, []string{"image_id", "pull_count"},
			pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) { return []any{ids[i], count}, nil })); err != nil {
			return err
		}
		_, err := tx.Exec(f.b.Context(), `UPDATE syncer.images i SET pull_count = c.pull_count FROM changed c WHERE i.image_id = c.image_id`)
		return err
	})
	if err != nil {
		f.b.Fatal(err)
	}
	return time.Since(began)
}
