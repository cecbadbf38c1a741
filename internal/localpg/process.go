//go:build unix && !aix && !solaris

package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readyPoll is how often a starting server is looked at; it needs some 50 ms.
const readyPoll = 5 * time.Millisecond

// process is a running server program.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// command prepares a server program to run in the layout: as its account, in a session of its own, so that Ctrl-C in a
// terminal reaches only the process that decides when the server stops.
func (l layout) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(l.programs.path(name), args...) //nolint:noctx // a server outlives the context of its start
	cmd.Env = cleanEnv()
	cmd.Dir = filepath.Dir(l.sockets)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: l.account.credential()}
	return cmd
}

// visiblePath is the path by which the server's programs find what stands beside the data.
func (l layout) visiblePath(path string) string {
	return filepath.Join(l.visibleDir, filepath.Base(path))
}

// launch starts a program with the files inherited and the parent-death signal set, unless that is 0.
func launch(cmd *exec.Cmd, output *os.File, inherited []*os.File, death syscall.Signal) (*process, error) {
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, inherited
	dieWithParent(cmd.SysProcAttr, death)
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel takes the end of the starting thread for the end of the parent, and the Go runtime ends idle threads.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the state stays in cmd.ProcessState
		}
	}()
	return p, <-started
}

// gone waits for the program's end.
func (p *process) gone(ctx context.Context, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.exited:
		return true
	case <-ctx.Done():
		return false
	}
}

// ready waits until the server accepts connections.
func (p *process) ready(ctx context.Context, data string) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if pid, status := postmaster(data); pid == p.cmd.Process.Pid && status == "ready" {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New(p.cmd.ProcessState.String())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// postmaster reads the file in which a server says who it is (first line) and how far it got (eighth line).
func postmaster(data string) (pid int, status string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(text), "\n")
	pid, _ = strconv.Atoi(lines[0])
	if len(lines) >= 8 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// initdb makes a data folder in an empty folder of the account's.
func initdb(ctx context.Context, l layout, dir string) error {
	args := []string{
		"--pgdata=" + l.visiblePath(dir), "--username=" + superuser, "--encoding=UTF8", "--locale=C",
		// The socket's folder keeps strangers out; over the network there is no way in, whatever the settings say.
		"--auth-local=trust", "--auth-host=reject",
	}
	if !l.durable {
		args = append(args, "--no-sync")
	}
	out, err := l.account.create(l.logFile)
	if err != nil {
		return err
	}
	defer out.Close()
	p, err := launch(l.command("initdb", args...), out, l.inherited, syscall.SIGTERM)
	if err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.exited
		return fmt.Errorf("initdb: %w", context.Cause(ctx))
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("initdb: %v%s", p.cmd.ProcessState, tail(l.logFile))
	}
	return nil
}

// serverArgs are the command line of the server. Settings stand there and not in a file, so that a data folder keeps none
// that a later version of this program would not choose.
func serverArgs(l layout, settings map[string]string) []string {
	all := map[string]string{
		"cluster_name":     "syncer",
		"listen_addresses": "",
		"log_timezone":     "UTC",
		"port":             port,
		"timezone":         "UTC",
		// A list of folders, in which double quotes protect commas and spaces.
		"unix_socket_directories": `"` + strings.ReplaceAll(l.sockets, `"`, `""`) + `"`,
		"unix_socket_permissions": "0700",
	}
	if !l.durable {
		maps.Copy(all, map[string]string{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"})
	}
	maps.Copy(all, settings)
	args := []string{"-D", l.visiblePath(l.data)}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", name+"="+all[name])
	}
	return args
}

// tail is the end of a program's output, for an error's text.
func tail(file string) string {
	const lines = 5
	text, err := os.ReadFile(file)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return ":\n" + strings.Join(all[max(0, len(all)-lines):], "\n")
}
