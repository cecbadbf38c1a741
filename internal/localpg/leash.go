//go:build unix && !aix && !solaris

package localpg

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// leashName is the named pipe beside the server's socket. Every user of the server holds it open for writing; nobody writes.
const leashName = "leash"

// leashed is a shell script that becomes the server. Before that it leaves behind a watcher, which stops the server ($$) when
// the last user is gone, however that one ended. The pipe is removed first and then looked at again: whoever opened it in
// between is a user, and whoever finds it gone must wait for the end of this server. The watcher holds no lock (%[2]s), and the
// server does not read the pipe, so that each is known to be gone when it is.
const leashed = `
( ( read -r _ <&%[1]d; rm -f "$1"; read -r _ <&%[1]d; kill -INT $$ ) %[2]s & )
shift
exec "$@" %[1]d<&-`

// launch starts the durable server on its leash. A parent-death signal would end it with its starter, whoever else uses it.
func (d *sharedFolder) launch(cmd *exec.Cmd, output *os.File, l layout) (*process, error) {
	path := filepath.Join(l.sockets, leashName)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	// Opened for reading first and without waiting: an end for writing cannot be opened before.
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	if err := syscall.SetNonblock(int(reader.Fd()), false); err != nil { // the watcher waits
		return nil, err
	}
	if l.account.otherUser {
		if err := os.Lchown(path, l.account.uid, l.account.gid); err != nil {
			return nil, err
		}
	}
	if d.leash, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	const firstInherited = 3
	number := firstInherited + len(l.inherited)
	var locks strings.Builder
	for n := firstInherited; n < number; n++ {
		locks.WriteString(strconv.Itoa(n) + "<&- ")
	}
	script := fmt.Sprintf(leashed, number, locks.String())
	cmd.Args = append([]string{"sh", "-c", script, "sh", path, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	p, err := launch(cmd, output, append(l.inherited, reader), 0)
	if err != nil {
		return nil, err
	}
	go func() {
		<-p.exited
		d.lock.Close() // should the server end before its time, the next process may start another
	}()
	return p, nil
}

// hold takes the leash of a running server and reports whether it did.
func (d *sharedFolder) hold(ctx context.Context, sockets string) bool {
	path := filepath.Join(sockets, leashName)
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	// A server that crashed leaves the pipe, and its programs keep the lock for a moment.
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(sockets, ".s.PGSQL."+port))
	if err != nil || !samePlace(f, path) {
		f.Close()
		return false
	}
	conn.Close()
	d.leash = f
	return true
}
