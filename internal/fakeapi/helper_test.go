package fakeapi

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// serve starts a server that ends with the test.
func serve(t *testing.T, w *World, options ...Option) *Server {
	t.Helper()
	srv, err := NewServer(w, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

type params = map[string]string

// signed completes and signs parameters as the server's first account.
func signed(srv *Server, p params) params {
	p = maps.Clone(p)
	p["PublicKey"] = srv.PublicKey
	if srv.SecurityToken != "" {
		p["SecurityToken"] = srv.SecurityToken
	}
	p["Signature"] = signature(p, srv.PrivateKey)
	return p
}

func encoded(p params) string {
	v := url.Values{}
	for k, s := range p {
		v.Set(k, s)
	}
	return v.Encode()
}

// client neither follows redirects nor keeps connections, and gives up in the end.
func client(t *testing.T) *http.Client {
	tr := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport: tr, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends parameters as a form, as they are.
func post(t *testing.T, srv *Server, p params) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/", strings.NewReader(encoded(p)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, string, error) {
	t.Helper()
	resp, err := client(t).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// ask signs, posts and returns the body, which must come with status 200.
func ask(t *testing.T, srv *Server, p params) string {
	t.Helper()
	resp, body, err := post(t, srv, signed(srv, p))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, body)
	}
	return body
}

type reply struct {
	RetCode    int
	Action     *string
	Message    string
	TotalCount int
	ImageSet   []struct {
		ImageName, RepoName, CreateTime, UpdateTime, LatestTag string
		PullCount                                              int64
	}
	RepoSet    []struct{ RepoName, IsShared string }
	ProjectSet []struct{ ProjectId string } //nolint:revive // as the API spells it
}

func decode(t *testing.T, body string) reply {
	t.Helper()
	var r reply
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("decode %q: %v", body, err)
	}
	return r
}

// names are the images of a page.
func (r reply) names() []string {
	var all []string
	for _, i := range r.ImageSet {
		all = append(all, i.ImageName)
	}
	return all
}
