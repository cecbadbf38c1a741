package fakeapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
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

// text is a fault that answers a text.
func text(s string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) { _, _ = io.WriteString(w, s) }
}

func TestRules(t *testing.T) {
	t.Parallel()
	srv := serve(t, filled(3), Faults(
		Rule{Repo: "other", Do: text("other")},
		Rule{Action: "GetRepo", Do: text("list")},
		Rule{Project: "org-9", Do: text("project")},
		Rule{From: 2, Times: 3, Every: 2, Do: text("rule")},
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
	srv := serve(t, filled(30), Clock(func() time.Time { return now }), Faults(Rule{From: 2, Do: text("<html>")}))
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
