//go:build unix && !aix && !solaris

package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// joinTimeout bounds the wait for a server that can neither be joined nor replaced: one that stops writes a checkpoint.
	joinTimeout = 30 * time.Second
	joinPoll    = 20 * time.Millisecond
)

// acquire makes this process a user of the folder, who then starts the server or has joined the one that runs.
func (d *sharedFolder) acquire(ctx context.Context) (err error) {
	if d.users, err = os.Open(d.dir); err != nil {
		return err
	}
	// Held alone only while the last user stops the server.
	if err := d.poll(ctx, func() (bool, error) { return tryLock(d.users, syscall.LOCK_SH) }); err != nil {
		return fmt.Errorf("wait for the server to stop: %w", err)
	}
	return d.poll(ctx, func() (bool, error) { return d.startOrJoin(ctx) })
}

// startOrJoin reports whether this process is to start the server or has joined it.
func (d *sharedFolder) startOrJoin(ctx context.Context) (bool, error) {
	if mine, err := tryLock(d.lock, syscall.LOCK_EX); err != nil || mine {
		if err == nil {
			err = d.sign(self())
		}
		return mine, err
	}
	h, known := d.holder()
	if known && h.host != self().host {
		return false, fmt.Errorf("in use by %v, whose server cannot be reached from this host", h)
	}
	d.join = known && h.sockets != "" && d.hold(ctx, h.sockets)
	return d.join, nil
}

// poll tries until it is done. It has no limit while a living process starts the server, which may have much to recover.
func (d *sharedFolder) poll(ctx context.Context, try func() (bool, error)) error {
	tick := time.NewTicker(joinPoll)
	defer tick.Stop()
	limit := time.NewTimer(joinTimeout)
	defer limit.Stop()
	late := false
	for {
		if done, err := try(); done || err != nil {
			return err
		}
		h, known := d.holder()
		if starting := known && h.sockets == "" && h.alive(); !starting && late {
			return fmt.Errorf("in use by %v, whose server does not answer: stop that process", h)
		}
		select {
		case <-tick.C:
		case <-limit.C:
			late = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryLock reports whether it got the lock.
func tryLock(f *os.File, how int) (bool, error) {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return true, nil
}

// joined reports whether another process started the server.
func (d *sharedFolder) joined() bool { return d != nil && d.join }

// hasOthers reports whether others use the server. When not, none can begin to before this process leaves.
func (d *sharedFolder) hasOthers() bool {
	if d == nil || !d.join && !d.announced {
		return false // nobody can have joined what was not announced
	}
	alone, err := tryLock(d.users, syscall.LOCK_EX)
	return !alone || err != nil
}

// awaitEnd lets go of a server that another process started, and which stops then, and waits for its end.
func (d *sharedFolder) awaitEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fastLimit, errors.New("it takes too long"))
	defer cancel()
	d.leash.Close()
	if err := d.poll(ctx, func() (bool, error) { return tryLock(d.lock, syscall.LOCK_EX) }); err != nil {
		return fmt.Errorf("wait for the private PostgreSQL to stop: %w", err)
	}
	return nil
}

// leave ends the use of the folder. The locks are not undone by name: the server, which goes on for others, has them too.
func (d *sharedFolder) leave() {
	if d == nil {
		return
	}
	for _, f := range []*os.File{d.leash, d.lock, d.handle, d.users} {
		f.Close()
	}
}

// holder is the process that started the server.
type holder struct {
	pid     int
	program string
	host    string
	sockets string // empty until the server can be used
}

func self() holder {
	h := holder{pid: os.Getpid()}
	if path, err := os.Executable(); err == nil {
		h.program = filepath.Base(path)
	}
	h.host, _ = os.Hostname()
	return h
}

func (h holder) String() string {
	return fmt.Sprintf("process %d (%s) on host %s", h.pid, h.program, h.host)
}

// alive reports whether the process lives on this host.
func (h holder) alive() bool {
	err := syscall.Kill(h.pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// announce tells others where the server listens.
func (d *sharedFolder) announce(sockets string) error {
	h := self()
	h.sockets = sockets
	d.announced = true
	return d.sign(h)
}

// sign writes the holder into the lock file for others to read. What it says is of no meaning when the lock is free.
func (d *sharedFolder) sign(h holder) error {
	text := fmt.Sprintf("%d\n%s\n%s\n%s\n", h.pid, h.program, h.host, h.sockets)
	if err := d.lock.Truncate(0); err != nil {
		return fmt.Errorf("sign the lock: %w", err)
	}
	if _, err := d.lock.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("sign the lock: %w", err)
	}
	return nil
}

// holder reads who signed last. It is unknown for the moment between a lock and its signature.
func (d *sharedFolder) holder() (holder, bool) {
	text, err := io.ReadAll(io.NewSectionReader(d.lock, 0, 4096))
	if err != nil {
		return holder{}, false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 {
		return holder{}, false
	}
	pid, err := strconv.Atoi(lines[0])
	return holder{pid: pid, program: lines[1], host: lines[2], sockets: lines[3]}, err == nil && pid > 0
}
