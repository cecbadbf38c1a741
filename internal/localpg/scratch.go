//go:build unix && !aix && !solaris

package localpg

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const (
	scratchPrefix = "syncer-pg-"
	// socketLimit is the longest path of a socket: 107 bytes on Linux, 103 on macOS and the BSDs.
	socketLimit = 103
	// scratchTries bounds how often a sweep may remove a folder between its making and its locking.
	scratchTries = 20
	// scratchTail bounds what follows the folder for temporary files in a socket's path.
	scratchTail = len("/" + scratchPrefix + "4294967295/run/.s.PGSQL." + port)
)

// scratch is a temporary folder with the server's socket, and with everything else of a throwaway server. It is locked for as
// long as its maker or any program of its server lives, which is how the next start knows a leftover: a lock cannot be
// mistaken, an age or a process number can.
type scratch struct {
	dir     string
	sockets string
	lock    *os.File
}

// newScratch makes the folder where the account can reach it.
func newScratch(acc account) (*scratch, error) {
	base, err := scratchBase(acc)
	if err != nil {
		return nil, err
	}
	for range scratchTries {
		dir, err := os.MkdirTemp(base, scratchPrefix+"*")
		if err != nil {
			return nil, err
		}
		lock, ok := lockFolder(dir)
		if !ok {
			continue // a sweep took the new folder for a leftover
		}
		s := &scratch{dir: dir, sockets: filepath.Join(dir, "run"), lock: lock}
		if err := s.makeSocketFolder(acc); err != nil {
			_ = s.remove()
			return nil, err
		}
		return s, nil
	}
	return nil, fmt.Errorf("lock a new folder in %s: taken %d times", base, scratchTries)
}

func (s *scratch) makeSocketFolder(acc account) error {
	if acc.otherUser {
		// Passed through by the account, listed by nobody but root.
		if err := os.Chmod(s.dir, 0o711); err != nil {
			return err
		}
	}
	return acc.mkdir(s.sockets)
}

// remove removes the folder and lets go of it. The lock is undone by name, not by closing the file: a program that another
// goroutine is starting right now may hold a copy of the file for a moment.
func (s *scratch) remove() error {
	if s == nil {
		return nil
	}
	defer unlock(s.lock)
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("remove the private PostgreSQL's folder: %w", err)
	}
	return nil
}

// leave leaves the folder to the server, which holds the lock too and goes on.
func (s *scratch) leave() {
	if s != nil {
		s.lock.Close()
	}
}

// tempFolders are the places for scratch folders. The first may be closed to another user, or too long for a socket.
func tempFolders() []string {
	return slices.Compact([]string{filepath.Clean(os.TempDir()), "/tmp", "/var/tmp"})
}

func scratchBase(acc account) (string, error) {
	var errs []error
	for _, dir := range tempFolders() {
		if len(dir)+scratchTail > socketLimit {
			errs = append(errs, fmt.Errorf("folder %s: too long a path for a socket", dir))
			continue
		}
		if err := acc.reach(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		return dir, nil
	}
	return "", fmt.Errorf("find a temporary folder for a private PostgreSQL: %w", errors.Join(errs...))
}

// sweep removes the folders of servers that died with their starters.
func sweep(log *slog.Logger) {
	for _, base := range tempFolders() {
		found, _ := filepath.Glob(filepath.Join(base, scratchPrefix+"*")) // its only error is a bad pattern
		for _, dir := range found {
			if !ownFolder(dir) {
				continue
			}
			lock, ok := lockFolder(dir)
			if !ok {
				continue
			}
			err := os.RemoveAll(dir)
			unlock(lock)
			log.Debug("removed what a dead private PostgreSQL left", "dir", dir, "error", err)
		}
	}
}

// ownFolder keeps the sweep from what others have put into a folder that is open to all.
func ownFolder(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false
	}
	uid, _ := owner(info)
	return uid == os.Geteuid()
}

// lockFolder locks a folder that nobody holds, and only if it is still there then.
func lockFolder(dir string) (*os.File, bool) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !samePlace(f, dir) {
		f.Close()
		return nil, false
	}
	return f, true
}

func samePlace(f *os.File, dir string) bool {
	held, err1 := f.Stat()
	there, err2 := os.Lstat(dir)
	return err1 == nil && err2 == nil && os.SameFile(held, there)
}

func unlock(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
	_ = f.Close()
}
