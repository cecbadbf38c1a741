package fakeapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var images = params{"Action": "GetRepoImage", "RepoName": "r", "Limit": "10"}

func filled(n int) *World {
	w := NewWorld()
	w.Fill("r", n)
	return w
}

func TestFaults(t *testing.T) {
	t.Parallel()
	srv := serve(t, filled(30))
	truth := ask(t, srv, images)
	for name, c := range map[string]struct {
		fault  Fault
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
		"gzip": {Gzip(), 200, func(r *http.Response, b string, _ error) bool { return r.Uncompressed && b == truth }},
		"huge": {Huge(3 << 20), 200, func(_ *http.Response, b string, _ error) bool { return len(b) > 3<<20 && decode(t, b).RetCode == 0 }},
		"bomb": {GzipBomb(3 << 20), 200, func(r *http.Response, b string, _ error) bool {
			return r.Uncompressed && len(b) > 3<<20 && decode(t, b).RetCode == 0
		}},
		"trickle": {Trickle(0), 200, func(_ *http.Response, b string, _ error) bool { return b == truth }},
		"slow":    {Slow(time.Millisecond, nil), 200, func(_ *http.Response, b string, _ error) bool { return b == truth }},
	} {
		srv.Set(Faults(Rule{Do: c.fault}))
		resp, body, err := post(t, srv, signed(srv, images))
		if c.status != 0 && (resp == nil || resp.StatusCode != c.status) || !c.want(resp, body, err) {
			t.Errorf("%s: got %v %.200q %v", name, resp, body, err)
		}
	}
	srv.Set(Faults())
	if got := ask(t, srv, images); got != truth {
		t.Errorf("without faults: got %s", got)
	}
}

// A connection that cannot be hijacked is broken off all the same.
func TestResetOverHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(New(filled(1), Faults(Rule{Do: Reset()})))
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
	srv := serve(t, filled(3), Faults(Rule{Times: 1, Do: Hang(release)}, Rule{Do: Hang(nil)}))
	got := make(chan string)
	go func() {
		_, body, _ := post(t, srv, signed(srv, images))
		got <- body
	}()
	close(release)
	if body := <-got; len(decode(t, body).ImageSet) != 3 {
		t.Errorf("released: got %s", body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	srv.Set(Before(func(Request) { cancel() })) // the caller gives up while it waits
	req := newRequest(t, http.MethodPost, srv.URL, encoded(signed(srv, images)), "application/x-www-form-urlencoded")
	if _, _, err := do(t, req.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: got %v", err)
	}
	waiting := make(chan struct{})
	srv.Set(Before(func(Request) { close(waiting) }))
	go func() {
		_, _, err := post(t, srv, signed(srv, images))
		got <- cmp.Diff(nil, err != nil)
	}()
	<-waiting
	srv.Close() // must not wait for ever
	<-got
}

func TestRules(t *testing.T) {
	t.Parallel()
	srv := serve(t, filled(3), Faults(
		Rule{Repo: "other", Do: Body("other")},
		Rule{Action: "GetRepo", Do: Body("list")},
		Rule{Project: "org-9", Do: Body("project")},
		Rule{From: 2, Times: 3, Every: 2, Do: Body("rule")},
	))
	var got []string
	for range 7 {
		if body := ask(t, srv, images); body == "rule" {
			got = append(got, body)
		} else {
			got = append(got, "true")
		}
	}
	if d := cmp.Diff([]string{"true", "true", "rule", "true", "true", "true", "true"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := ask(t, srv, params{"Action": "GetRepo"}); got != "list" {
		t.Errorf("by action: got %s", got)
	}
	if got := ask(t, srv, params{"Action": "GetRepoImage", "RepoName": "other"}); got != "other" {
		t.Errorf("by repo: got %s", got)
	}
	if got := ask(t, srv, params{"Action": "GetProjectList", "ProjectId": "org-9"}); got != "project" {
		t.Errorf("by project: got %s", got)
	}
}

func TestMix(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) (hits []int) {
		choose := Mix(seed, 0.2, Passing()...)
		for n := range 1000 {
			if choose(Request{N: n}) != nil {
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

func TestThrottle(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	srv := serve(t, filled(3), WithThrottle(Throttle{InFlight: 1, Status: 429, RetryAfter: 1500 * time.Millisecond}),
		Before(func(Request) { close(entered); <-leave }))
	done := make(chan error)
	go func() { _, _, err := post(t, srv, signed(srv, images)); done <- err }()
	<-entered
	resp, _, err := post(t, srv, signed(srv, images))
	if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("in flight: got %v %v", resp, err)
	}
	close(leave)
	<-done
	srv.Set(Before(nil), WithThrottle(Throttle{PerSecond: 0.0001, Burst: 2}))
	var codes []int
	for range 3 {
		codes = append(codes, decode(t, ask(t, srv, images)).RetCode)
	}
	if !slices.Equal(codes, []int{0, 0, 153}) {
		t.Errorf("a second: got %v", codes)
	}
	srv.Set(WithThrottle(Throttle{}))
	if got := decode(t, ask(t, srv, images)); got.RetCode != 0 {
		t.Errorf("no throttle: got %v", got)
	}
	if s := srv.Stats(); s.Throttled != 2 || s.MaxInFlight != 2 || s.ByRepo["r"] != 6 {
		t.Errorf("got %+v", s)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	srv := serve(t, filled(30), Clock(func() time.Time { return now }), Faults(Rule{From: 2, Do: HTML()}))
	imagesAt(t, srv, "r", 20, 100)
	ask(t, srv, params{"Action": "GetRepo", "Type": "sideways", "ProjectId": DefaultProject})
	want := []Request{
		{N: 1, At: now, Method: "POST", Action: "GetRepoImage", Repo: "r", PublicKey: DefaultPublicKey, Offset: 20, Limit: 100, Rows: 10},
		{N: 2, At: now, Method: "POST", Action: "GetRepo", Type: "sideways", ProjectID: DefaultProject, PublicKey: DefaultPublicKey, RetCode: 230, Faulted: true},
	}
	if d := cmp.Diff(want, srv.Log()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	srv.ResetLog()
	if got := srv.Stats(); got.Requests != 0 || got.MaxInFlight != 0 {
		t.Errorf("after a reset: %+v", got)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	srv := serve(t, filled(3), Latency(time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req := newRequest(t, http.MethodPost, srv.URL, encoded(signed(srv, images)), "application/x-www-form-urlencoded")
	if _, _, err := do(t, req.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want to wait for an hour", err)
	}
}

func TestPagingLiars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		paging Paging
		want   []int // first row and number of rows of pages of 10 asked for at 0, 10, 20
	}{
		"honest":         {Paging{}, []int{0, 10, 10, 10, 20, 5}},
		"clamp":          {Paging{Clamp: 4}, []int{0, 4, 10, 4, 20, 4}},
		"refuse":         {Paging{Refuse: 9}, []int{-1, 0, -1, 0, -1, 0}},
		"ignored offset": {Paging{IgnoreOffset: true}, []int{0, 10, 0, 10, 0, 10}},
		"repeat":         {Paging{RepeatEvery: 2}, []int{0, 10, 0, 10, 20, 5}},
		"short":          {Paging{ShortEvery: 2}, []int{0, 10, 10, 5, 20, 5}},
		"extra":          {Paging{Extra: 3}, []int{0, 13, 10, 13, 20, 5}},
	} {
		w := filled(25)
		w.UpdateRepo("r", func(r *Repo) { r.Order, r.Paging = ByName, &c.paging })
		srv := serve(t, w)
		var got []int
		for offset := 0; offset < 30; offset += 10 {
			page := imagesAt(t, srv, "r", offset, 10)
			first := -1
			if len(page.ImageSet) > 0 {
				first = slices.IndexFunc(w.Images("r"), func(i Image) bool { return i.Name == page.ImageSet[0].ImageName })
			}
			got = append(got, first, len(page.ImageSet))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestDriftHook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		drift Drift
		want  func(before, after []Image) bool
	}{
		"push":    {Drift{Push: 1}, func(b, a []Image) bool { return len(a) == len(b) && !cmp.Equal(a, b) }},
		"insert":  {Drift{Insert: 1}, func(b, a []Image) bool { return len(a) == len(b)+10 && cmp.Equal(a[10:], b) }},
		"delete":  {Drift{Delete: 1}, func(b, a []Image) bool { return len(a) == len(b)-10 }},
		"reorder": {Drift{Reorder: 1}, func(b, a []Image) bool { return len(a) == len(b) && a[0].Name+a[1].Name != "" && !cmp.Equal(a, b) }},
		"pull":    {Drift{Pull: 1}, func(b, a []Image) bool { return len(a) == len(b) && !cmp.Equal(a, b) }},
		"rarely":  {Drift{Every: 20, Push: 1}, func(b, a []Image) bool { return cmp.Equal(a, b) }},
		"other":   {Drift{Repo: "other", Push: 1}, func(b, a []Image) bool { return cmp.Equal(a, b) }},
	} {
		w := filled(40)
		srv := serve(t, w, Before(c.drift.Hook(w)))
		before := w.Images("r")
		for i := range 10 {
			imagesAt(t, srv, "r", i, 1)
		}
		if after := w.Images("r"); !c.want(before, after) {
			t.Errorf("%s: %d images became %d", name, len(before), len(after))
		}
	}
}
