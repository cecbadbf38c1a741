//go:build unix && !aix && !solaris

package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// account is the user a server runs as.
type account struct {
	name      string
	uid, gid  int
	otherUser bool // not the user this process runs as, which is root then
}

// serverAccount is who runs a new server: whoever asks, unless that is root.
func serverAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: userName(uid), uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, fmt.Errorf("look up user %s: %w", name, err)
		}
		return account{name: name, uid: uid, gid: gid, otherUser: true}, nil
	}
	return account{}, errors.New("PostgreSQL refuses to run as root and there is no user postgres or nobody to run it as")
}

// ownerAccount is who runs a server on data that exists: its owner, because PostgreSQL accepts nobody else.
func ownerAccount(data string) (account, error) {
	info, err := os.Stat(data)
	if err != nil {
		return account{}, err
	}
	uid, gid := owner(info)
	self := os.Geteuid()
	switch {
	case uid == 0:
		return account{}, fmt.Errorf("%s belongs to root, as whom PostgreSQL refuses to run: chown -R it to the user postgres", data)
	case self != 0 && self != uid:
		return account{}, fmt.Errorf("%s belongs to user %s: run as that user", data, userName(uid))
	}
	return account{name: userName(uid), uid: uid, gid: gid, otherUser: self != uid}, nil
}

func owner(info fs.FileInfo) (uid, gid int) {
	stat := info.Sys().(*syscall.Stat_t) //nolint:forcetypeassert // what package os puts there on these systems
	return int(stat.Uid), int(stat.Gid)
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// credential is nil when no change of user is needed, which only root may do.
func (a account) credential() *syscall.Credential {
	if !a.otherUser {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// mkdir makes a folder that only the account (and root) can enter.
func (a account) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if !a.otherUser {
		return nil
	}
	return os.Lchown(dir, a.uid, a.gid)
}

// create opens a file of the account's for writing and empties it.
func (a account) create(path string) (*os.File, error) {
	f, err := a.open(path)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// open opens a file of the account's, made when missing. Links and anything else that is not a file are refused: root may
// work here in a folder that an ordinary user can change.
func (a account) open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err == nil && a.otherUser {
		err = f.Chown(a.uid, a.gid)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// reach reports whether the account can enter a folder, and if not, which of the folders above it is in the way. Only mode bits
// are looked at; the kernel has the last word when a program starts there.
func (a account) reach(dir string) error {
	if !a.otherUser {
		return nil
	}
	for path := dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("folder %s (%v) is closed to user %s, as whom PostgreSQL runs because it refuses root: chmod o+x %[1]s, or use another folder",
				path, info.Mode(), a.name)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// openHandle opens a folder that the account cannot walk to, as all of /root, but could enter: handed the open folder, its
// programs find it by handlePath. It returns the error that tells why they cannot walk there when that is no help.
func (a account) openHandle(dir string, unreachable error) (*os.File, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "linux" || !a.mayEnter(info) {
		return nil, unreachable
	}
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
}

// handlePath is the path of the inherited file with this index, in the process that inherits it. Following it needs no
// permission on the folders above.
func handlePath(index int) string {
	const firstInherited = 3
	return "/proc/self/fd/" + strconv.Itoa(firstInherited+index)
}

func (a account) mayEnter(info fs.FileInfo) bool {
	uid, gid := owner(info)
	mode := info.Mode().Perm()
	switch {
	case uid == a.uid:
		return mode&0o100 != 0
	case gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
