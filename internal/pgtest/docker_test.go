package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// helperVariable makes the test binary a process that starts a container and waits to be killed. It also keeps what the
// container library reads but once, the environment, apart between tests.
const helperVariable = "PGTEST_HELPER"

func helper() int {
	s, err := startContainer(context.Background(), os.Getenv)
	if err != nil {
		fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Println(s.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

type helperProcess struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	said  string // its first line
}

func startHelper(t *testing.T, env ...string) helperProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := helperProcess{cmd: exec.Command(exe)}
	h.cmd.Env = append(append(os.Environ(), helperVariable+"=1"), env...)
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if h.input, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill()
		_ = h.cmd.Wait()
	})
	line := bufio.NewScanner(out)
	line.Scan()
	h.said = line.Text()
	return h
}

// docker runs the client program.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// image makes sure of an image to test with: the one that is named, or one made of this machine's programs.
func image(t *testing.T) string {
	t.Helper()
	if err := exec.CommandContext(t.Context(), "docker", "info").Run(); err != nil {
		t.Skipf("no Docker engine answers: %v", err)
	}
	if name := os.Getenv(imageVariable); name != "" {
		return name
	}
	name := fmt.Sprintf("syncer-test-postgres:%d", os.Getpid())
	if out, err := exec.CommandContext(t.Context(), "../../.ci/postgres-image", name).CombinedOutput(); err != nil {
		t.Skipf("no image to test with: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", "--force", name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return name
}

func TestContainer(t *testing.T) { //nolint:tparallel // see its subtests
	t.Parallel()
	name := image(t)
	for how, end := range map[string]func(helperProcess) error{ //nolint:paralleltest // each looks for any container of the image
		"stopped": func(h helperProcess) error { return h.input.Close() },
		"killed":  func(h helperProcess) error { return h.cmd.Process.Kill() },
	} {
		t.Run(how, func(t *testing.T) {
			h := startHelper(t, imageVariable+"="+name)
			if got := count(t, h.said, `SELECT current_setting('max_connections')::int`); fmt.Sprint(got) != maxConnections {
				t.Errorf("max_connections %d", got)
			}
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			_ = h.cmd.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for docker(t, "ps", "--all", "--quiet", "--filter", "ancestor="+name) != "" {
				if ctx.Err() != nil {
					t.Fatal("the container remains")
				}
			}
		})
	}
}

// silence is a socket that takes connections and says nothing.
func silence(t *testing.T, network, address string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return l.Addr()
}

func TestSilentEngineIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	socket := silence(t, "unix", filepath.Join(t.TempDir(), "docker.sock"))
	begin := time.Now()
	h := startHelper(t, "DOCKER_HOST=unix://"+socket.String())
	if took := time.Since(begin); took > engineLimit+2*time.Second {
		t.Errorf("took %v", took)
	}
	if !strings.Contains(h.said, "no engine answers") {
		t.Errorf("said %q", h.said)
	}
}

func TestSilentRegistryIsGivenUpSoon(t *testing.T) {
	t.Parallel()
	if err := exec.CommandContext(t.Context(), "docker", "info").Run(); err != nil {
		t.Skipf("no Docker engine answers: %v", err)
	}
	registry := silence(t, "tcp", "127.0.0.1:0")
	h := startHelper(t, imageVariable+"="+registry.String()+"/postgres:1")
	if !strings.Contains(h.said, "no answer from the registry") {
		t.Errorf("said %q", h.said)
	}
}
