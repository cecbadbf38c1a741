package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/registry"
)

// A list of repos that cannot be understood in full is told, and what it does say is taken.
func TestListsOfReposThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want string // in the error; empty: none
		some string // repos that are found all the same
	}{
		"good":             {`{"RetCode":0,"TotalCount":2,"RepoSet":[{"RepoName":"a"},{"RepoName":"b"}]}`, "", "a b"},
		"empty":            {`{"RetCode":0,"TotalCount":0,"RepoSet":[]}`, "", ""},
		"empty as null":    {`{"RetCode":0,"TotalCount":0,"RepoSet":null}`, "", ""},
		"null":             {`{"RetCode":0,"RepoSet":null}`, "neither repos nor a TotalCount", ""},
		"null of two":      {`{"RetCode":0,"TotalCount":2,"RepoSet":null}`, "0 repos were read of 2", ""},
		"NUL in a name":    {`{"RetCode":0,"TotalCount":2,"RepoSet":[{"RepoName":"a"},{"RepoName":"b\u0000c"}]}`, "rows that cannot be used (\"b", "a"},
		"a name too long":  {`{"RetCode":0,"TotalCount":2,"RepoSet":[{"RepoName":"a"},{"RepoName":"` + strings.Repeat("x", 1100) + `"}]}`, "rows that cannot be used (\"xxx", "a"},
		"the key renamed":  {`{"RetCode":0,"TotalCount":4,"RepoSet":[{"Name":"a"},{"Name":"b"},{"Name":"c"},{"Name":"d"}]}`, "0 repos were read of 4", ""},
		"a row of null":    {`{"RetCode":0,"TotalCount":2,"RepoSet":[null,{"RepoName":"b"}]}`, "rows that cannot be used", "b"},
		"a number as name": {`{"RetCode":0,"TotalCount":1,"RepoSet":[{"RepoName":""}]}`, "rows that cannot be used", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.body) }))
			t.Cleanup(srv.Close)
			s, err := New(Options{Name: "default", BaseURL: srv.URL, Credentials: Credentials{PublicKey: "p", PrivateKey: "k"}, Now: time.Now,
				Projects: []Project{{ID: "org-1", Discover: DiscoverPrivate}}})
			if err != nil {
				t.Fatal(err)
			}
			repos, err := s.Repos(t.Context())
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it", err, test.want)
			}
			var got []string
			for _, r := range repos {
				got = append(got, r.Key.Name)
			}
			if strings.Join(got, " ") != test.some {
				t.Errorf("repos %q, want %q", got, test.some)
			}
			refusal := &failure{action: actionImages, seq: s.events.Add(1), retCode: 230}
			gone := s.confirmGone(t.Context(), registry.Repo{Key: registry.RepoKey{Source: "default", Name: "z"}, ProjectID: "org-1"}, refusal)
			if isGone := errors.Is(gone, registry.ErrRepoGone); isGone != (test.want == "") {
				t.Errorf("such a list proves that a repo is gone: %v", gone)
			}
		})
	}
}

// TestOneListIsRefused refuses the list of private repos. The list of public ones is read all the same.
func TestOneListIsRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []int{230, 8039} {
		world := fakeapi.NewWorld()
		world.AddRepo(fakeapi.Repo{Name: "shared", Shared: true})
		s := directly(t, world, fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
			if q.Type == kindPrivate {
				return faults.RetCode(code, "no")
			}
			return nil
		}))
		s.opts.Projects = []Project{{Discover: DiscoverAll}}
		repos, err := s.Repos(t.Context())
		if err == nil || !strings.Contains(err.Error(), "list of private repos") || len(repos) != 1 {
			t.Errorf("code %d: %d repos: %v", code, len(repos), err)
		}
	}
}
