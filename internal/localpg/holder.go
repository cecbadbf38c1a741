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
	// keepPatience bounds the wait for the server of a process that died: it writes a checkpoint first.
	keepPatience = 30 * time.Second
	keepPoll     = 20 * time.Millisecond
)

// acquire takes the lock. A living holder is an error at once; the server of a dead one is waited for.
func (k *keep) acquire(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	tick := time.NewTicker(keepPoll)
	defer tick.Stop()
	told := false
	for {
		err := syscall.Flock(int(k.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return k.sign(self())
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock: %w", err)
		}
		h, known := k.holder()
		if known && h.alive() {
			return fmt.Errorf("in use by %v: one process at a time", h)
		}
		if known && !told {
			k.stopOrphan()
			told = true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the server of a process that died: %w", context.Cause(ctx))
		}
	}
}

// stopOrphan asks the server of a dead process to stop. Linux has done so already, other systems do not.
func (k *keep) stopOrphan() {
	if pid, _ := postmaster(k.data()); pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGINT) // an error means that it has ended, which the lock will show
	}
}

func (k *keep) release() {
	if k == nil {
		return
	}
	_ = k.sign(holder{})
	unlock(k.lock)
	k.handle.Close()
}

// holder is the process that uses the folder.
type holder struct {
	pid     int
	program string
	host    string
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

// alive also holds for a process of another host or container that shares the folder, whose life cannot be seen from here.
func (h holder) alive() bool {
	if host, _ := os.Hostname(); host != h.host {
		return true
	}
	err := syscall.Kill(h.pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// sign writes the holder into the lock file for others to read; the zero holder empties it.
func (k *keep) sign(h holder) error {
	if err := k.lock.Truncate(0); err != nil {
		return fmt.Errorf("sign the lock: %w", err)
	}
	if h.pid == 0 {
		return nil
	}
	if _, err := k.lock.WriteAt([]byte(fmt.Sprintf("%d\n%s\n%s\n", h.pid, h.program, h.host)), 0); err != nil {
		return fmt.Errorf("sign the lock: %w", err)
	}
	return nil
}

// holder reads who signed last. It is unknown for the moment between a lock and its signature.
func (k *keep) holder() (holder, bool) {
	text, err := io.ReadAll(io.NewSectionReader(k.lock, 0, 4096))
	if err != nil {
		return holder{}, false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 4 {
		return holder{}, false
	}
	pid, err := strconv.Atoi(lines[0])
	return holder{pid: pid, program: lines[1], host: lines[2]}, err == nil && pid > 0
}
