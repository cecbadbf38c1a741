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

// keep is the folder of a durable server:
//
//	pgdata/       what initdb makes and PostgreSQL owns
//	syncer.lock   who started the server and where it listens
//	server.log    what the server said since its last start
//
// The lock is held for as long as any program of the server lives, or the process that is about to start it. The folder itself
// is locked by all who use the server together, and alone by the last of them, who stops it.
type keep struct {
	dir   string
	lock  *os.File
	users *os.File // the folder
	leash *os.File // the pipe's end that keeps the server up
	// join says that another process started the server, announced that others may join the one of this process.
	join, announced bool
	// handle is the folder opened, when the account may enter it but not walk to it. Nil otherwise.
	handle *os.File
}

func (k *keep) data() string { return filepath.Join(k.dir, "pgdata") }

func (s *Server) settleDurable(ctx context.Context, dir, folder string) (st site, err error) {
	if s.keep, st.account, err = openKeep(ctx, dir); err != nil {
		return st, fmt.Errorf("local database %s: %w", dir, err)
	}
	if s.keep.join {
		h, _ := s.keep.holder()
		s.sockets = h.sockets
		if err := s.createDatabase(ctx); err != nil {
			return st, fmt.Errorf("local database %s, started by %v: %w", dir, h, err)
		}
		return st, nil
	}
	if s.scratch, err = newScratch(st.account); err != nil {
		return st, err
	}
	st.durable = true
	st.data = s.keep.data()
	st.logFile = filepath.Join(s.keep.dir, "server.log")
	st.sockets, s.sockets = s.scratch.sockets, s.scratch.sockets
	st.seen = s.keep.dir
	st.inherited = []*os.File{s.keep.lock, s.scratch.lock}
	if s.keep.handle != nil {
		st.seen = handlePath(len(st.inherited))
		st.inherited = append(st.inherited, s.keep.handle)
	}
	major, err := dataMajor(st.data)
	if err != nil {
		return st, fmt.Errorf("local database %s: %w", dir, err)
	}
	if st.programs, err = findPrograms(ctx, folder, major); err != nil {
		return st, fmt.Errorf("local database %s: %w", dir, err)
	}
	if major == 0 {
		if err := s.keep.fill(ctx, st); err != nil {
			return st, fmt.Errorf("local database %s: %w", dir, err)
		}
	}
	return st, nil
}

// openKeep makes the folder when it is missing, and locks it for a start or joins the server that runs on it.
func openKeep(ctx context.Context, dir string) (*keep, account, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, account{}, err
	}
	k := &keep{dir: dir}
	if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err == nil {
		return nil, account{}, errors.New("this is the data folder of another PostgreSQL: name a new or empty folder")
	}
	acc, err := ownerAccount(k.data())
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
		if k.handle, err = acc.openHandle(dir, err); err != nil {
			return nil, acc, err
		}
	}
	if k.lock, err = acc.open(filepath.Join(dir, "syncer.lock")); err != nil {
		return nil, acc, err
	}
	if err := k.acquire(ctx); err != nil {
		k.leave()
		return nil, acc, err
	}
	return k, acc, nil
}

// makeFolder makes a folder of the account's; one that is there is left as it is.
func makeFolder(dir string, acc account) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	// Passed through by all until it is the account's: another process may look at it meanwhile.
	err := os.Mkdir(dir, 0o711)
	if err == nil && acc.other {
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
func (k *keep) fill(ctx context.Context, st site) error {
	fresh := k.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := st.account.mkdir(fresh); err != nil {
		return err
	}
	if err := initdb(ctx, st, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, k.data()); err != nil {
		return err
	}
	return syncFolder(k.dir)
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
