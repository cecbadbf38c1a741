//go:build unix && !aix && !solaris

package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// ended waits for the end of the server that a helper used, and of the watcher beside it.
func ended(t *testing.T, h helperProcess) {
	t.Helper()
	waitFor(t, "the server ends with its last user", func() bool {
		return syscall.Kill(h.postmaster, 0) != nil && len(processesOf(t, h.scratch)) == 0
	})
}

// TestLastUserStopsTheServer has users come and go in every order, by themselves and by kill -9.
func TestLastUserStopsTheServer(t *testing.T) {
	t.Parallel()
	leave, kill := helperProcess.leave, helperProcess.kill
	for name, test := range map[string]struct {
		order [3]int // who goes first, 0 being the one that started the server
		how   [3]func(helperProcess, *testing.T)
	}{
		"starter leaves first":                 {[3]int{0, 1, 2}, [3]func(helperProcess, *testing.T){leave, leave, leave}},
		"starter leaves last":                  {[3]int{2, 1, 0}, [3]func(helperProcess, *testing.T){leave, leave, leave}},
		"starter killed first":                 {[3]int{0, 1, 2}, [3]func(helperProcess, *testing.T){kill, leave, leave}},
		"joiner killed":                        {[3]int{1, 0, 2}, [3]func(helperProcess, *testing.T){kill, leave, leave}},
		"all killed":                           {[3]int{0, 2, 1}, [3]func(helperProcess, *testing.T){kill, kill, kill}},
		"starter leaves and others are killed": {[3]int{0, 1, 2}, [3]func(helperProcess, *testing.T){leave, kill, kill}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(openDir(t), "pulls")
			users := []helperProcess{startHelper(t, dir), startHelper(t, dir), startHelper(t, dir)}
			for i, user := range users {
				if user.postmaster != users[0].postmaster {
					t.Fatalf("user %d has a server of its own", i)
				}
			}
			exec1(t, users[0].dsn, `CREATE TABLE kept AS SELECT 7 AS n`)
			for i, n := range test.order {
				test.how[i](users[n], t)
				for _, next := range test.order[i+1:] {
					if got := query[int](t, users[next].dsn, `SELECT n FROM kept`); got != 7 {
						t.Fatalf("%d lost its server when %d went", next, n)
					}
				}
			}
			if name == "starter leaves first" || name == "starter leaves last" { // who leaves waits
				if pid, _ := postmaster(filepath.Join(dir, "pgdata")); pid != 0 || exists(users[0].scratch) {
					t.Errorf("the last one went before the server: process %d, folder left: %v", pid, exists(users[0].scratch))
				}
			}
			ended(t, users[0])
			next := startHelper(t, dir)
			if got := query[int](t, next.dsn, `SELECT n FROM kept`); got != 7 || next.postmaster == users[0].postmaster {
				t.Errorf("kept %d", got)
			}
		})
	}
}

// TestRaceOfStarters has many come at once, to a folder that does not exist, and go again while others come.
func TestRaceOfStarters(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	const users, turns = 4, 4
	var group sync.WaitGroup
	for range users {
		group.Go(func() {
			for range turns {
				s, err := Start(t.Context(), Options{Dir: dir})
				if err != nil {
					t.Error(err)
					return
				}
				conn, err := pgx.Connect(t.Context(), s.DSN(Database))
				if err != nil {
					t.Error(err)
				} else {
					conn.Close(t.Context())
				}
				stop(t, s)
			}
		})
	}
	group.Wait()
	s := start(t, Options{Dir: dir})
	if s.folder.join {
		t.Error("a server is left")
	}
}

// TestLatecomerAfterAKill joins a server whose last user was killed: it gets a server that stays, that one or a new one.
func TestLatecomerAfterAKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	for range 5 {
		h := startHelper(t, dir)
		h.kill(t)
		s := start(t, Options{Dir: dir})
		for range 20 {
			if got := query[int](t, s.DSN(Database), `SELECT 1`); got != 1 {
				t.Fatal("no answer")
			}
		}
		stop(t, s)
	}
}

func TestServerOfAnotherHostIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	s := start(t, Options{Dir: dir})
	if err := s.folder.sign(holder{pid: 7, program: "syncer", host: "elsewhere", sockets: s.sockets}); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: dir})
	if want := "in use by process 7 (syncer) on host elsewhere, whose server cannot be reached"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	if got := query[int](t, s.DSN(Database), `SELECT 1`); got != 1 {
		t.Error("the server was harmed")
	}
}

// TestDeadServerOfALivingStarter starts another server when the first was killed, though the process that started it lives on.
func TestDeadServerOfALivingStarter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	h := startHelper(t, dir)
	if err := syscall.Kill(h.postmaster, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the server's programs end", func() bool { return syscall.Kill(h.postmaster, 0) != nil })
	next := start(t, Options{Dir: dir})
	if got := query[int](t, next.DSN(Database), `SELECT 1`); got != 1 || next.folder.join {
		t.Error("the folder could not be taken over")
	}
	h.leave(t)
	if got := query[int](t, next.DSN(Database), `SELECT 1`); got != 1 {
		t.Error("the first process ended the second one's server")
	}
}

func TestFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := filepath.Join(openDir(t), "pulls")
	s := start(t, Options{Dir: dir})
	cmd := ordinary(t)
	if s.process.cmd.SysProcAttr.Credential.Uid == cmd.SysProcAttr.Credential.Uid {
		t.Skip("the server runs as the ordinary user already")
	}
	cmd.Env = append(cmd.Env, helperDir+"=-"+dir)
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "local database "+dir) || !strings.Contains(string(out), "permission denied") {
		t.Errorf("%v: %s", err, out)
	}
	if got := query[int](t, s.DSN(Database), `SELECT 1`); got != 1 {
		t.Error("the server was harmed")
	}
}
