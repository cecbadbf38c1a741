package chaos_test

import (
	"slices"
	"testing"
	"time"
)

// TestReadOnly runs on a database that takes no writes, as that of a standby does: 6, nothing changed, and what only reads works.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, 3)
	s.calm()
	s.judge(nil)
	s.town.live(time.Hour)
	readOnly := func(on string) {
		if err := s.server.exec(t.Context(), "ALTER DATABASE "+s.database+" SET default_transaction_read_only = "+on); err != nil {
			t.Fatal(err)
		}
	}
	readOnly("on")
	for _, args := range [][]string{{"sync"}, {"sync", "--migrate"}, {"sync", "--repo", s.town.repos[0]}, {"verify"}, {"report", "top"}, {"migrate", "status"}} {
		want := 6
		if args[0] != "sync" {
			want = 0
		}
		p := s.start(slices.Concat(args, []string{"--log-level", "warn"})...)
		if code := s.wait(p); code != want {
			t.Errorf("syncer %v: exit code %d, expected %d:\n%s", args, code, want, shown(p.out.Bytes()))
		}
		s.judge(nil)
	}
	readOnly("off")
	s.calm()
	s.judge(nil)
	s.conclude()
}
