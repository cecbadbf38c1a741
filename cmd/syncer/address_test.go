package main

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// stranger listens where a server could be, says nothing and keeps what it is sent.
type stranger struct {
	mu   sync.Mutex
	got  bytes.Buffer
	host string
	port string
	dir  string // of its socket
}

func newStranger(t *testing.T) *stranger {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{}
	if s.host, s.port, err = net.SplitHostPort(tcp.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if s.dir, err = os.MkdirTemp("/tmp", "stranger"); err != nil { //nolint:usetesting // the path of a socket has little room
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	unix, err := net.Listen("unix", filepath.Join(s.dir, ".s.PGSQL."+s.port))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{tcp, unix} {
		t.Cleanup(func() { l.Close() })
		go s.serve(l)
	}
	return s
}

// serve reads the first packet of each connection and hangs up.
func (s *stranger) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		packet := make([]byte, 4096)
		n, _ := conn.Read(packet)
		s.mu.Lock()
		s.got.Write(packet[:n])
		s.mu.Unlock()
		conn.Close()
	}
}

func (s *stranger) received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

// However somebody wrote DATABASE_URL, no part of its password is printed, and none gets to whom the variables of libpq name.
func TestNoPasswordLeaves(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../internal/config/testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	refused := newStranger(t)    // is named by all that is refused, and must hear nothing
	understood := newStranger(t) // is named by what is understood, and asks for no password
	tried := 0
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		form, want, ok := strings.Cut(lines.Text(), "\t")
		if !ok || strings.Contains(form, `\u0000`) { // which no environment can hold
			continue
		}
		tried++
		to, code := understood, exitDatabase
		if want == "refused" {
			to, code = refused, exitUsage
		}
		text, err := strconv.Unquote(strings.NewReplacer("{host}", to.host, "{port}", to.port).Replace(form))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program(t), "migrate", "validate", "--log-level", "debug")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + text, "PGHOST=" + to.dir, "PGPORT=" + to.port, "PGSSLMODE=disable", "PGCONNECT_TIMEOUT=5"}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%s: exit code %d, want %d\n%s", text, got, code, out)
		}
		for _, part := range []string{"hunter2", "sesame"} {
			if strings.Contains(string(out), part) {
				t.Errorf("%s: %s", text, out)
			}
		}
	}
	if tried < 90 {
		t.Errorf("only %d addresses", tried)
	}
	if got := refused.received(); got != "" {
		t.Errorf("what was refused got out: %q", got)
	}
	got := understood.received()
	if got == "" || strings.Contains(got, "hunter2") || strings.Contains(got, "sesame") {
		t.Errorf("a server that asked for no password received %q", got)
	}
}
