package store_test

import (
	"strings"
	"testing"
	"time"

	"syncer/internal/registry"
)

func TestRetentionDropsWholeMonthsThatTheRollUpHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for day := range 100 { // 30 March to 7 July
		w.look(registry.Complete, images("a", day, "b", 7))
		w.now = start.AddDate(0, 0, day+1)
	}
	cutoff := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	w.exec(`DELETE FROM syncer.image_days WHERE day = '2026-04-03' AND pull_count = 4`)
	if _, err := w.s.DropHistory(t.Context(), cutoff); err == nil || !strings.Contains(err.Error(), "1 of its rows are not in the daily roll-up") {
		t.Fatalf("a month that the roll-up lacks must stay: %v", err)
	}
	w.verify(true)
	dropped, err := w.s.DropHistory(t.Context(), cutoff)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		month string
		rows  int64
	}{{"2026-04", 30}, {"2026-05", 31}} {
		if i >= len(dropped) || dropped[i].Month.Format("2006-01") != want.month || dropped[i].Rows != want.rows {
			t.Fatalf("dropped %+v, want %+v", dropped, want)
		}
	}
	w.expect("history begins in June", `SELECT min(observed_at)::date::text FROM syncer.readings`, "2026-06-01")
	w.expect("the roll-up is whole", `SELECT count(*), sum(pulls)::bigint FROM syncer.image_days`, "101|99")
	w.expect("the last count of b is kept", `SELECT pull_count FROM syncer.images WHERE name = 'b'`, "7")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify after retention: %q", found)
	}
	w.look(registry.Complete, images("a", 120, "b", 8))
	w.expect("b goes on", `SELECT pulls FROM syncer.readings h JOIN syncer.images i USING (image_id) WHERE name = 'b'`, "1")
	if again, err := w.s.DropHistory(t.Context(), cutoff); err != nil || len(again) != 0 {
		t.Errorf("dropped twice: %v, %v", again, err)
	}
}
