package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"syncer/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func site(ready error) web.Site {
	return web.Site{
		Ready:   func(context.Context) error { return ready },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "syncer_images 1") }),
		Page: web.NewPage(func(_ context.Context, w io.Writer, _ int) error {
			_, err := io.WriteString(w, "<!doctype html>report")
			return err
		}, time.Minute, time.Now, silent()),
		Logger: silent(),
	}
}

func ask(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestSite(t *testing.T) {
	t.Parallel()
	well, ill := site(nil).Handler(), site(errors.New("password of postgres://x is wrong")).Handler()
	for _, tt := range []struct {
		h            http.Handler
		method, path string
		code         int
		body         string
	}{
		{well, "GET", "/healthz", 200, "ok\n"},
		{well, "GET", "/readyz", 200, "ok\n"},
		{well, "HEAD", "/readyz", 200, "ok\n"},
		{well, "GET", "/metrics", 200, "syncer_images 1\n"},
		{well, "GET", "/", 200, "<!doctype html>report"},
		{ill, "GET", "/healthz", 200, "ok\n"}, // a restart would not mend the database
		{ill, "GET", "/readyz", 503, "the database cannot be used; the log says why\n"},
		{well, "POST", "/", 405, "Method Not Allowed\n"},
		{well, "DELETE", "/metrics", 405, "Method Not Allowed\n"},
		{well, "GET", "/debug/pprof/", 404, "404 page not found\n"},
		{well, "GET", "/elsewhere", 404, "404 page not found\n"},
	} {
		w := ask(t, tt.h, tt.method, tt.path)
		if w.Code != tt.code || w.Body.String() != tt.body {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.code, tt.body)
		}
	}
	if csp := ask(t, well, "GET", "/").Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("the page may load what it likes: %q", csp)
	}
}

func TestReadyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := site(nil)
		s.Ready = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		start := time.Now()
		if w := ask(t, s.Handler(), "GET", "/readyz"); w.Code != http.StatusServiceUnavailable || time.Since(start) > time.Second {
			t.Errorf("a database that hangs: %d after %s", w.Code, time.Since(start))
		}
	})
}

func TestPageIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made int
		var fail error
		page := web.NewPage(func(_ context.Context, w io.Writer, _ int) error {
			made++
			time.Sleep(time.Second) // as long as it takes, it is made once
			fmt.Fprint(w, "page ", made)
			return fail
		}, time.Minute, time.Now, silent())
		get := func(want string) {
			t.Helper()
			if w := ask(t, page, "GET", "/"); w.Body.String() != want {
				t.Errorf("got %q, want %q", w.Body, want)
			}
		}
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() { get("page 1") })
		}
		asking.Wait()
		time.Sleep(58 * time.Second)
		get("page 1")
		time.Sleep(2 * time.Second)
		get("page 2")
		page.Forget()
		get("page 3")
		page.Forget()
		fail = errors.New("half a page is none")
		get("the report cannot be made now; the log says why\n")
		fail = nil
		get("page 5")
	})
}

// Who asked first and left does not take the page from the others.
func TestPageOutlivesWhoAsked(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(t.Context())
	made := 0
	page := web.NewPage(func(ctx context.Context, w io.Writer, _ int) error {
		leave()
		made++
		fmt.Fprint(w, "page ", made)
		return ctx.Err()
	}, time.Minute, time.Now, silent())
	page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/", nil))
	if w := ask(t, page, "GET", "/"); w.Body.String() != "page 1" {
		t.Errorf("got %q", w.Body)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan struct{})
	served := make(chan error, 1)
	var answered atomic.Bool
	go func() {
		served <- web.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(asked)
			<-ctx.Done() // an answer that is under way when the end comes
			fmt.Fprint(w, "done")
		}), silent())
	}()
	var asking sync.WaitGroup
	asking.Go(func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answered.Store(err == nil && string(body) == "done")
	})
	<-asked
	cancel()
	asking.Wait()
	if err := <-served; err != nil || !answered.Load() {
		t.Errorf("served: %v, answer whole: %t", err, answered.Load())
	}
}

func TestServeTellsAListenerThatFails(t *testing.T) {
	t.Parallel()
	l := listen(t)
	l.Close()
	if err := web.Serve(t.Context(), l, http.NotFoundHandler(), silent()); err == nil {
		t.Error("no error")
	}
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, l, site(nil).Handler(), silent()) }()
	defer func() {
		cancel()
		<-served
	}()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 64<<10))
	answer, _ := io.ReadAll(conn) // cut off by the server
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 431")) {
		t.Errorf("64 KiB of header got %q", answer)
	}
}

func TestDaysOfThePage(t *testing.T) {
	t.Parallel()
	made := 0
	page := web.NewPage(func(_ context.Context, w io.Writer, days int) error {
		made++
		_, err := fmt.Fprintf(w, "%d days", days)
		return err
	}, time.Hour, time.Now, silent())
	for range 2 {
		for query, want := range map[string]string{"": "0 days", "?days=7": "7 days", "?days=30": "30 days", "?days=365": "365 days", "?days=": "0 days"} {
			if got := ask(t, page, "GET", "/"+query); got.Code != http.StatusOK || got.Body.String() != want {
				t.Errorf("%q: %d %q, want %q", query, got.Code, got.Body, want)
			}
		}
	}
	if made != 4 {
		t.Errorf("4 spans were made %d times", made)
	}
	for _, query := range []string{"?days=8", "?days=-7", "?days=x", "?days=07x", "?days=99999999999999999999"} {
		if got := ask(t, page, "GET", "/"+query); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "7 30 90 365") {
			t.Errorf("%q: %d %q", query, got.Code, got.Body)
		}
	}
}
