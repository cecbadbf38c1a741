package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// helperVariable makes the test binary a process that starts a container and waits to be killed. It also keeps what the
// container library reads but once, the environment, apart between tests. Its value is how long to wait for engine and registry:
// long where an answer is to come, however slow the machine is, and short where none will.
const helperVariable = "PGTEST_HELPER"

func helper(limits string) int {
	var engine, registry string
	if _, err := fmt.Sscan(limits, &engine, &registry); err != nil {
		fmt.Println(err)
		return 2
	}
	var d docker
	var err1, err2 error
	d.engineLimit, err1 = time.ParseDuration(engine)
	d.registryLimit, err2 = time.ParseDuration(registry)
	if err := errors.Join(err1, err2); err != nil {
		fmt.Println(err)
		return 2
	}
	s, err := d.start(context.Background(), os.Getenv)
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

func startHelper(t *testing.T, limits string, env ...string) helperProcess {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := helperProcess{cmd: exec.Command(exe)}
	h.cmd.Env = append(append(os.Environ(), helperVariable+"="+limits), env...)
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

// dockerProgram runs the client program.
func dockerProgram(t *testing.T, args ...string) string {
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
			h := startHelper(t, "1m 1m", imageVariable+"="+name)
			if got := count(t, h.said, `SELECT current_setting('max_connections')::int`); fmt.Sprint(got) != maxConnections {
				t.Errorf("max_connections %d", got)
			}
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			_ = h.cmd.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for dockerProgram(t, "ps", "--all", "--quiet", "--filter", "ancestor="+name) != "" {
				if ctx.Err() != nil {
					t.Fatal("the container remains")
				}
			}
		})
	}
}
