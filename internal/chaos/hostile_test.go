package chaos_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
)

// hostileMemory bounds what a registry may make the program use: an answer is cut at 16 MB, of which a few are in flight.
const hostileMemory = 300 << 20

// hostile makes a schedule whose repo "good" was read once and "bad" is the registry's to misuse.
func hostile(t *testing.T, seed uint64) *schedule {
	t.Helper()
	s := newSchedule(t, seed)
	s.discover, s.page = false, 100
	for _, repo := range s.town.repos {
		s.town.world.RemoveRepo(repo)
	}
	s.town.repos = []string{"bad", "good"}
	s.town.world.Fill("bad", 30)
	s.town.world.Fill("good", 30)
	s.sync(nil, 0)
	s.judge(nil)
	return s
}

// TestHostileAnswers lets a repo's calls be answered by what should use up memory, time or trust. The program ends soon and says
// why, the good repo is read all the same, and nothing of the bad one is lost.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer elsewhere.Close()
	const giga = 1 << 30
	s := hostile(t, 11)
	for _, c := range []struct {
		name string
		code int // 5 where an answer speaks for the whole registry, unless the good repo was read before
		says string
		do   fakeapi.Fault
	}{
		{"a body of 1 GiB", 3, "larger than", faults.Huge(giga)},
		{"a gzip bomb", 3, "larger than", faults.GzipBomb(giga)},
		{"a byte a second", 3, "no complete answer within", faults.Trickle(time.Second)},
		{"a redirect with the body", 5, "HTTP 307", faults.Redirect(http.StatusTemporaryRedirect, elsewhere.URL+"/")},
		{"a redirect to a file", 5, "HTTP 302", faults.Redirect(http.StatusFound, "file:///etc/passwd")},
		{"a pause of a year", 5, "HTTP 429", faults.WithHeader("Retry-After", "31536000", faults.HTTPStatus(http.StatusTooManyRequests))},
		{"arrays without end", 3, "", faults.Body(`{"RetCode":0,"Action":"GetRepoImageResponse","ImageSet":` + strings.Repeat("[", 1<<20))},
		{"a message of 1 MB with control characters", 3, "", faults.RetCode(230, strings.Repeat("\x1b[2J\x00\n<script>", 1<<16))},
	} {
		s.town.world.Pull("good", "img-00007", 3)
		s.api.Set(fakeapi.Faults(fakeapi.Rule{Repo: "bad", Do: c.do}))
		began := time.Now()
		p := s.start("sync", "--log-level", "debug", "--repo", "bad", "--repo", "good")
		code := s.wait(p)
		took, out := time.Since(began), p.out.String()
		if code != c.code && code != 3 || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit code %d, expected %d and %q:\n%s", c.name, code, c.code, c.says, shown(p.out.Bytes()))
		}
		if took > limit/2 || len(out) > 64<<10 || strings.ContainsAny(out, "\x1b\x00") {
			t.Errorf("%s: took %v and wrote %d bytes:\n%.3000q", c.name, took, len(out), out)
		}
		if used := memory(p); used > hostileMemory {
			t.Errorf("%s: used %d MB", c.name, used>>20)
		}
		s.api.Set(fakeapi.Faults())
		s.judge(nil)
	}
	if strayed.Load() > 0 {
		t.Error("a redirect was followed")
	}
	s.sync(nil, 0)
	s.judge(nil)
	s.conclude()
}

// memory is the most that a process that has ended had in use.
func memory(p *process) int64 {
	const kilobytes = 1024
	if runtime.GOOS != "linux" {
		return 0
	}
	return p.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * kilobytes
}

// TestHostileNames reads images whose names are made to break out of whatever prints them, and counts at the edges of what a number holds.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := hostile(t, 12)
	names := []string{
		"a\x00b", "a\x1b[31mb", "a\nb", "a\r\tb", `a"b'c`, "a`$(id)`", "'; DROP SCHEMA syncer CASCADE; --", "<script>alert(1)</script>", "../../etc/passwd",
		"/etc/passwd", "=1+1", "a,b;c|d", "%s%n%d", "{{.}}", "\u202egpj.exe", "\ufeffbom", "镜像 a+b/c=d&e", "NULL", "\\N", " ", "a\u2028b", strings.Repeat("n", 10_000),
	}
	for i, name := range names {
		s.town.world.PutImages("bad", fakeapi.Image{Name: name, Pulls: int64(i), Tag: name})
	}
	for name, count := range map[string]string{
		"max": "9223372036854775807", "over": "9223372036854775808", "min": "-9223372036854775808", "minus": "-1", "huge": "1e400", "trillions": "1000000000000000000",
	} {
		s.town.world.PutImages("bad", fakeapi.Image{Name: "edge-" + name, Row: `{"ImageName":"edge-` + name + `","PullCount":` + count + `,"LatestTag":"v1"}`})
	}
	p := s.start("sync", "--log-level", "debug", "--log-format", "text")
	if code := s.wait(p); code != 0 && code != 3 {
		t.Errorf("exit code %d:\n%s", code, shown(p.out.Bytes()))
	}
	outputs := []string{p.out.String()}
	for _, args := range [][]string{
		{"report", "top"}, {"report", "top", "--format", "csv"}, {"report", "top", "--format", "json"}, {"report", "events"}, {"report", "html", "-o", "-"},
		{"status"}, {"verify"}, {"sync", "--dry-run", "--log-format", "text"},
	} {
		p := s.start(args...)
		if code := s.wait(p); code != 0 && code != 3 {
			t.Errorf("syncer %v: exit code %d:\n%s", args, code, shown(p.out.Bytes()))
		}
		outputs = append(outputs, p.out.String())
	}
	for i, out := range outputs {
		// A file of values separated by commas holds the values as they are.
		if csv := strings.HasPrefix(out, "rank,"); strings.Contains(out, "\x00") || !csv && strings.Contains(out, "\x1b") {
			t.Errorf("output %d holds control characters:\n%.2000q", i, out)
		}
		if strings.Contains(out, "<html") && strings.Contains(out, "<script>alert") {
			t.Errorf("the page runs what an image is named:\n%.2000q", out)
		}
	}
	s.connected(func() {
		left := query[struct{ Named, Absurd, Good int64 }](t, s.books.conn, `SELECT
		    count(*) FILTER (WHERE image = ANY (ARRAY['../../etc/passwd', '=1+1', '''; DROP SCHEMA syncer CASCADE; --', '<script>alert(1)</script>', 'NULL', '\N'])),
		    count(*) FILTER (WHERE pull_count < 0 OR pull_count > 1000000000000000000), count(*) FILTER (WHERE repo = 'good' AND missing_since IS NULL)
		    FROM reporting.images`)[0]
		if left.Named != 6 || left.Absurd != 0 || left.Good != 30 {
			t.Errorf("%+v, expected 6 images by their names, no absurd count, 30 good images", left)
		}
	})
}

// TestWrongCertificate meets a server that is not who it says: nothing is sent to it.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	s := hostile(t, 13)
	var asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // the handshakes that are broken off
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), binary, "sync")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + s.server.proxied(s.database), "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + publicKey,
		"UCLOUD_PRIVATE_KEY=" + privateKey, "SYNCER_REPOS=bad,good", "SYNCER_MAX_ATTEMPTS=2",
	}
	out, _ := cmd.CombinedOutput() // the code tells
	if code := cmd.ProcessState.ExitCode(); code != 5 || !strings.Contains(string(out), "certificate") || asked.Load() > 0 {
		t.Errorf("exit code %d after %d requests, expected 5 and a word about the certificate:\n%s", code, asked.Load(), shown(out))
	}
	s.judge(nil)
}
