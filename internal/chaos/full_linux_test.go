package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
)

// room bounds the files that connections made from now on may write. PostgreSQL treats a file that may not grow as it treats a
// full disk. Only the server's own user may say so where root's powers are bounded.
func (s *server) room(t *testing.T, most string) {
	t.Helper()
	info, err := os.Stat(filepath.Join(s.dir, "pgdata"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prlimit", fmt.Sprintf("--pid=%d", s.pid(t)), "--fsize="+most+":unlimited")
	if owner := info.Sys().(*syscall.Stat_t); int(owner.Uid) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("limit the server's files: %v\n%s", err, out)
	}
}

// TestDiskFull lets tables outgrow the disk in the middle of a run. It ends with 6, what it was writing is not there, and what
// it wrote before is; with room again the next run is complete.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, 1)
	s.page = 1000
	s.town.repos = []string{"big", "small"}
	s.town.world.RemoveRepo("repo-0")
	s.town.world.Fill("small", 30)
	s.town.world.Fill("big", 1)
	s.sync(nil, 0)
	s.judge(nil)

	const rows, width = 18_000, 900 // some 20 MB, and as much for the index on names
	images := make([]fakeapi.Image, rows)
	for i := range images {
		images[i] = fakeapi.Image{Name: fmt.Sprintf("%05d-%s", i, strings.Repeat("x", width)), Pulls: int64(i), Tag: "v1"}
	}
	s.town.world.PutImages("big", images...)
	s.town.world.Pull("small", "img-00003", 7)
	s.server.room(t, "16777216") // a segment of the write-ahead log, which has room
	out := s.sync(nil, 6)
	s.server.room(t, "unlimited")
	if !strings.Contains(out, "File too large") {
		t.Errorf("the disk was not full:\n%s", out)
	}
	s.judge(nil)
	s.connected(func() {
		if left := query[struct{ N int }](t, s.books.conn, `SELECT count(*) FROM reporting.images WHERE repo = 'big'`)[0]; left.N != 1 {
			t.Errorf("%d images of the repo that found no room are there, 1 was before", left.N)
		}
	})
	s.sync(nil, 0)
	s.judge(nil)
	s.conclude()
}

// TestLogFull lets the server die of a full disk, for which its own write-ahead log has no room.
func TestLogFull(t *testing.T) {
	t.Parallel()
	s := newSchedule(t, 2)
	s.calm()
	s.judge(nil)
	s.town.live(time.Hour)
	s.server.room(t, "1")
	s.sync(nil, 6)
	s.server.restart(t, false)
	s.judge(nil)
	s.calm()
	s.judge(nil)
	s.conclude()
}
