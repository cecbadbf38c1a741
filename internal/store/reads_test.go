package store_test

import (
	"testing"

	"syncer/internal/store"
)

// What a run and verify read must grow with what there is, not with its square, also while the server knows nothing of tables
// that were empty a moment ago.
func TestReadsAreLinear(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int{"many repos": {2000, 3}, "one repo": {1, 90_000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, size[0], size[1])
			for _, table := range []string{"repos", "images"} {
				f.exec("ALTER TABLE syncer." + table + " SET (autovacuum_enabled = off)")
			}
			read := func(table string) int64 {
				return f.number(`SELECT COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE schemaname = 'syncer' AND relname = $1`, table)
			}
			repos, images := int64(size[0]), int64(size[0]*size[1])
			limit := func(what, table string, rows, times int64) {
				t.Helper()
				if n := read(table); n > times*rows {
					t.Errorf("%s: %d rows of %s read, there are %d", what, n, table, rows)
				}
				f.exec(`SELECT pg_stat_reset()`)
			}
			f.reconnect() // a session tells what it read when it ends
			f.exec(`SELECT pg_stat_reset()`)
			for _, what := range []string{"first", "quiet"} {
				f.sync()
				f.reconnect()
				limit(what+" run", "images", images, 2)
			}
			f.sync()
			f.reconnect()
			limit("quiet run", "repos", repos, 6)
			if _, err := f.s.Verify(t.Context(), store.VerifyOptions{Zone: utc}, func(d store.Difference) { t.Error(d) }); err != nil {
				t.Fatal(err)
			}
			f.reconnect()
			limit("verify", "images", images, 2)
		})
	}
}
