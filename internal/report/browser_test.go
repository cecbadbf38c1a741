package report_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"syncer/internal/report"
)

// requireBrowser makes a missing browser a failure, as it should be where all checks run.
const requireBrowser = "SYNCER_REQUIRE_BROWSER"

// TestPageInABrowser opens the page in headless Chromium: no errors, no connections to anything, no script run, and a picture.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	browser := findBrowser(t)
	host := listen(t)
	port := host.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	html := page(t, &fake{name: fmt.Sprintf(nasty, port)}, report.Query{})
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(dir, "page.png")
	for _, action := range []string{"--dump-dom", "--screenshot=" + picture} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-domain-reliability",
			// Whatever the page asks for, by any name, would arrive at the listener; the browser's own errands end here.
			fmt.Sprintf("--host-resolver-rules=MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND, MAP * 127.0.0.1:%d", port),
			"--enable-logging=stderr", "--window-size=390,2000", "--user-data-dir="+filepath.Join(dir, "profile"), action, "file://"+file)
		var errs strings.Builder
		cmd.Stderr = &errs
		dom, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", action, err, errs.String())
		}
		for line := range strings.Lines(errs.String()) {
			if strings.Contains(line, "CONSOLE") {
				t.Errorf("console: %s", line)
			}
		}
		if action == "--dump-dom" {
			checkDOM(t, string(dom))
		}
	}
	if n := host.asked.Load(); n > 0 {
		t.Errorf("the browser made %d connections", n)
	}
	if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
		t.Errorf("no picture worth the name: %v", err)
	}
	if keep := os.Getenv("SYNCER_KEEP_PICTURE"); keep != "" {
		if err := os.Rename(picture, keep); err != nil {
			t.Error(err)
		}
	}
}

func checkDOM(t *testing.T, dom string) {
	t.Helper()
	for _, mark := range []string{"<script", "<img", "onerror=alert(2)>\n"} {
		if strings.Contains(dom, mark) {
			t.Errorf("the browser sees %q in the page", mark)
		}
	}
	if !strings.Contains(dom, "Nobody pulls these") || !strings.Contains(dom, "&lt;script&gt;") {
		t.Errorf("the browser does not show the page: %.300s", dom)
	}
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv(requireBrowser) != "" {
		t.Fatal("no Chromium to open the page with")
	}
	t.Skip("no Chromium to open the page with")
	return ""
}

// listener counts the connections it is offered.
type listener struct {
	net.Listener
	asked atomic.Int64
}

func listen(t *testing.T) *listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counted := &listener{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			counted.asked.Add(1)
			conn.Close()
		}
	}()
	return counted
}
