//go:build unix && !aix && !solaris

package localpg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func exec1(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestDurableKeepsData names the folder in a relative way, as is usual, and has it below one that is closed to all but its
// owner, as /root is.
func TestDurableKeepsData(t *testing.T) {
	parent := t.TempDir()
	t.Chdir(parent)
	first := start(t, Options{Dir: "pulls"})
	exec1(t, first.DSN(Database), `CREATE TABLE kept AS SELECT 7 AS n`)
	if got := query[string](t, first.DSN(Database), `SHOW fsync`); got != "on" {
		t.Errorf("fsync %s", got)
	}
	if root := os.Geteuid() == 0; (first.folder.handle != nil) != root {
		t.Errorf("as root: %v, data found by a handle: %v", root, !root)
	}
	stop(t, first)
	if exists(first.scratch.dir) {
		t.Errorf("%s remains", first.scratch.dir)
	}
	second := start(t, Options{Dir: filepath.Join(parent, "pulls")})
	if got := query[int](t, second.DSN(Database), `SELECT n FROM kept`); got != 7 {
		t.Errorf("kept %d", got)
	}
}

func TestKilledHolderKeepsCommittedData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	h := startHelper(t, dir)
	exec1(t, h.dsn, `CREATE TABLE kept AS SELECT 7 AS n`)
	h.kill(t)
	s := start(t, Options{Dir: dir}) // at once: the dead holder's server may still be writing its checkpoint
	if got := query[int](t, s.DSN(Database), `SELECT n FROM kept`); got != 7 {
		t.Errorf("kept %d", got)
	}
}

func TestLeftoversOfADurableServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), "pulls")
	half := filepath.Join(dir, "pgdata.new", "base") // of a first start that was interrupted
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Dir: dir})
	if exists(half) {
		t.Error("half-made data stayed")
	}
	stop(t, s)
	// The lock's text of a process that is dead, and whose server is too.
	stale := fmt.Sprintf("%d\ngone\n%s\n%s\n", 1<<30, self().host, s.sockets)
	if err := os.WriteFile(filepath.Join(dir, "syncer.lock"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	next := start(t, Options{Dir: dir})
	if got := query[int](t, next.DSN(Database), `SELECT 1`); got != 1 || next.folder.join {
		t.Error("the folder could not be taken over")
	}
}

func TestUnfitFoldersAreRefused(t *testing.T) {
	t.Parallel()
	write := func(path, text string) error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(text), 0o644)
	}
	for name, test := range map[string]struct {
		prepare func(dir string) error
		want    string
	}{
		"another server's data": {
			func(dir string) error { return write(filepath.Join(dir, "PG_VERSION"), "15\n") },
			"the data folder of another PostgreSQL",
		},
		"another program's pgdata": {
			func(dir string) error { return write(filepath.Join(dir, "pgdata", "letter.txt"), "Dear") },
			"no PostgreSQL data",
		},
		"data of a version that is not installed": {
			func(dir string) error { return write(filepath.Join(dir, "pgdata", "PG_VERSION"), "14\n") },
			"made by PostgreSQL 14, this machine has",
		},
		"a file": {
			func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
			"not a directory",
		},
		"a lock that is a link": {
			func(dir string) error {
				if err := os.Mkdir(dir, 0o755); err != nil {
					return err
				}
				return os.Symlink("/dev/null", filepath.Join(dir, "syncer.lock"))
			},
			"too many levels of symbolic links",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(openDir(t), "pulls")
			if err := test.prepare(dir); err != nil {
				t.Fatal(err)
			}
			giveAway(t, filepath.Join(dir, "pgdata"))
			s, err := Start(t.Context(), Options{Dir: dir})
			if err == nil {
				_ = s.Stop(context.WithoutCancel(t.Context()))
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want %q and the folder's name in it", err, test.want)
			}
		})
	}
}

// giveAway hands what root made to the user the server would run as.
func giveAway(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 || !exists(path) {
		return
	}
	acc, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, acc.uid, acc.gid); err != nil {
		t.Fatal(err)
	}
}

func TestClosedFolderIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs its server as another user")
	}
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: closed})
	if err == nil || !strings.Contains(err.Error(), "folder "+closed+" (drwx------) is closed to user") {
		t.Errorf("error %v does not name %s", err, closed)
	}
}

func TestRootsDataIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can make root's data")
	}
	dir := openDir(t)
	if err := os.Mkdir(filepath.Join(dir, "pgdata"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "belongs to root") {
		t.Errorf("error %v", err)
	}
}
