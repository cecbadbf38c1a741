//go:build unix && !aix && !solaris

package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// sharedFolder is the folder of a durable server:
//
//	pgdata/       what initdb makes and PostgreSQL owns
//	syncer.lock   who started the server and where it listens
//	server.log    what the server said since its last start
//
// The lock is held for as long as any program of the server lives, or the process that is about to start it. The folder itself
// is locked by all who use the server together, and alone by the last of them, who stops it.
type sharedFolder struct {
	dir   string
	lock  *os.File
	users *os.File // the folder
	leash *os.File // the pipe's end that keeps the server up
	// join says that another process started the server, announced that others may join the one of this process.
	join, announced bool
	// handle is the folder opened, when the account may enter it but not walk to it. Nil otherwise.
	handle *os.File
}

func (d *sharedFolder) data() string { return filepath.Join(d.dir, "pgdata") }

func (s *Server) prepareDurable(ctx context.Context, dir, folder string) (l layout, err error) {
	if s.folder, l.account, err = openFolder(ctx, dir); err != nil {
		return l, fmt.Errorf("local database %s: %w", dir, err)
	}
	if s.folder.join {
		h, _ := s.folder.holder()
		s.sockets = h.sockets
		if err := s.createDatabase(ctx); err != nil {
			return l, fmt.Errorf("local database %s, started by %v: %w", dir, h, err)
		}
		return l, nil
	}
	if s.scratch, err = newScratch(l.account); err != nil {
		return l, err
	}
	l.durable = true
	l.data = s.folder.data()
	l.logFile = filepath.Join(s.folder.dir, "server.log")
	l.sockets, s.sockets = s.scratch.sockets, s.scratch.sockets
	l.visibleDir = s.folder.dir
	l.inherited = []*os.File{s.folder.lock, s.scratch.lock}
	if s.folder.handle != nil {
		l.visibleDir = handlePath(len(l.inherited))
		l.inherited = append(l.inherited, s.folder.handle)
	}
	major, err := dataMajor(l.data)
	if err != nil {
		return l, fmt.Errorf("local database %s: %w", dir, err)
	}
	if l.programs, err = findPrograms(ctx, folder, major); err != nil {
		return l, fmt.Errorf("local database %s: %w", dir, err)
	}
	if major == 0 {
		if err := s.folder.fill(ctx, l); err != nil {
			return l, fmt.Errorf("local database %s: %w", dir, err)
		}
	}
	return l, nil
}

// openFolder makes the folder when it is missing, and locks it for a start or joins the server that runs on it.
func openFolder(ctx context.Context, dir string) (*sharedFolder, account, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, account{}, err
	}
	d := &sharedFolder{dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err == nil {
		return nil, account{}, errors.New("this is the data folder of another PostgreSQL: name a new or empty folder")
	}
	acc, err := ownerAccount(d.data())
	if errors.Is(err, fs.ErrNotExist) {
		acc, err = serverAccount()
	}
	if err != nil {
		return nil, acc, err
	}
	if err := makeFolder(dir, acc); err != nil {
		return nil, acc, err
	}
	if err := acc.reach(dir); err != nil {
		if d.handle, err = acc.openHandle(dir, err); err != nil {
			return nil, acc, err
		}
	}
	if d.lock, err = acc.open(filepath.Join(dir, "syncer.lock")); err != nil {
		return nil, acc, err
	}
	if err := d.acquire(ctx); err != nil {
		d.leave()
		return nil, acc, err
	}
	return d, acc, nil
}

// makeFolder makes a folder of the account's; one that is there is left as it is.
func makeFolder(dir string, acc account) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	// Passed through by all until it is the account's: another process may look at it meanwhile.
	err := os.Mkdir(dir, 0o711)
	if err == nil && acc.otherUser {
		err = os.Lchown(dir, acc.uid, acc.gid)
	}
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := os.Stat(dir); err != nil || info.IsDir() {
		return err
	}
	return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
}

// dataMajor is the version that made the data; 0 when there is none yet.
func dataMajor(data string) (int, error) {
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("the folder pgdata in it is no PostgreSQL data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read its PG_VERSION: %w", err)
	}
	return major, nil
}

// fill makes the data beside its place and moves it there when it is whole, so that an interrupted first start is simply
// made again.
func (d *sharedFolder) fill(ctx context.Context, l layout) error {
	fresh := d.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := l.account.mkdir(fresh); err != nil {
		return err
	}
	if err := initdb(ctx, l, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, d.data()); err != nil {
		return err
	}
	return syncFolder(d.dir)
}

// syncFolder makes a rename in the folder survive a power cut.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
