package faults

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
)

// serve starts a server that ends with the test. Its true answer to [get] is a refusal: nothing here needs more.
func serve(t *testing.T, options ...fakeapi.Option) *fakeapi.Server {
	t.Helper()
	srv, err := fakeapi.NewServer(fakeapi.NewWorld(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, srv *fakeapi.Server) (*http.Response, string, error) {
	t.Helper()
	return getIn(t.Context(), t, srv)
}

// getIn neither follows redirects nor keeps connections, and gives up in the end.
func getIn(ctx context.Context, t *testing.T, srv *fakeapi.Server) (*http.Response, string, error) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	client := &http.Client{
		Transport: tr, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/?Action=GetRepoImage&RepoName=r", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func ask(t *testing.T, srv *fakeapi.Server) string {
	t.Helper()
	_, body, err := get(t, srv)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestFaults(t *testing.T) {
	t.Parallel()
	srv := serve(t)
	truth := ask(t, srv)
	for name, c := range map[string]struct {
		fault  fakeapi.Fault
		status int
		want   func(resp *http.Response, body string, err error) bool
	}{
		"status":      {HTTPStatus(503), 503, func(_ *http.Response, b string, _ error) bool { return strings.Contains(b, "<html>") }},
		"retry after": {WithHeader("Retry-After", "2", HTTPStatus(429)), 429, func(r *http.Response, _ string, _ error) bool { return r.Header.Get("Retry-After") == "2" }},
		"code":        {RetCode(150, "no"), 200, func(_ *http.Response, b string, _ error) bool { return b == `{"RetCode":150,"Message":"no"}` }},
		"body":        {Body(`"{}"`), 200, func(_ *http.Response, b string, _ error) bool { return b == `"{}"` }},
		"empty":       {Body(""), 200, func(_ *http.Response, b string, _ error) bool { return b == "" }},
		"html":        {HTML(), 200, func(r *http.Response, _ string, _ error) bool { return r.Header.Get("Content-Type") == "text/html" }},
		"truncated":   {Truncated(), 200, func(_ *http.Response, b string, err error) bool { return err == nil && b == truth[:len(truth)/2] }},
		"cut": {Cut(), 200, func(_ *http.Response, b string, err error) bool {
			return errors.Is(err, io.ErrUnexpectedEOF) && b == truth[:len(truth)/2]
		}},
		"reset": {Reset(), 0, func(_ *http.Response, _ string, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"redirect": {Redirect(307, "http://127.0.0.1:1/"), 307, func(r *http.Response, _ string, _ error) bool {
			return r.Header.Get("Location") == "http://127.0.0.1:1/"
		}},
		"huge": {Huge(3 << 20), 200, func(_ *http.Response, b string, _ error) bool { return len(b) > 3<<20 && json.Valid([]byte(b)) }},
		"bomb": {GzipBomb(3 << 20), 200, func(r *http.Response, b string, _ error) bool {
			return r.Uncompressed && len(b) > 3<<20 && json.Valid([]byte(b))
		}},
		"trickle": {Trickle(0), 200, func(_ *http.Response, b string, _ error) bool { return b == truth }},
	} {
		srv.Set(fakeapi.Faults(fakeapi.Rule{Do: c.fault}))
		resp, body, err := get(t, srv)
		if c.status != 0 && (resp == nil || resp.StatusCode != c.status) || !c.want(resp, body, err) {
			t.Errorf("%s: got %v %.200q %v", name, resp, body, err)
		}
	}
	srv.Set(fakeapi.Faults())
	if got := ask(t, srv); got != truth {
		t.Errorf("without faults: got %s", got)
	}
}

// A connection that cannot be hijacked is broken off all the same.
func TestResetOverHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(fakeapi.New(fakeapi.NewWorld(), fakeapi.Faults(fakeapi.Rule{Do: Reset()})))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	if resp, err := srv.Client().Get(srv.URL); err == nil {
		resp.Body.Close()
		t.Errorf("got %v, want an error", resp.Status)
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv := serve(t, fakeapi.Faults(fakeapi.Rule{Times: 1, Do: Hang(release)}, fakeapi.Rule{Do: Hang(nil)}))
	got := make(chan string)
	go func() {
		_, body, _ := get(t, srv)
		got <- body
	}()
	close(release)
	if body := <-got; !strings.Contains(body, `"RetCode":170`) {
		t.Errorf("released: got %s", body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	srv.Set(fakeapi.Before(func(fakeapi.Request) { cancel() })) // the caller gives up while it waits
	if _, _, err := getIn(ctx, t, srv); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
	waiting := make(chan struct{})
	srv.Set(fakeapi.Before(func(fakeapi.Request) { close(waiting) }))
	go func() {
		_, _, err := get(t, srv)
		got <- strconv.FormatBool(err != nil)
	}()
	<-waiting
	srv.Close() // must not wait for ever
	<-got
}

func TestMix(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) (hits []int) {
		choose := Mix(seed, 0.2, Passing()...)
		for n := range 1000 {
			if choose(fakeapi.Request{N: n}) != nil {
				hits = append(hits, n)
			}
		}
		return hits
	}
	if n := len(draw(1)); n < 150 || n > 250 {
		t.Errorf("one in five of 1000: got %d", n)
	}
	if !slices.Equal(draw(1), draw(1)) || slices.Equal(draw(1), draw(2)) {
		t.Error("the seed must decide")
	}
}
