package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
	"syncer/internal/wire"
)

func TestClassOf(t *testing.T) {
	t.Parallel()
	for class, codes := range map[class][]int{
		classOK:       {0},
		classRetry:    {110, 130, 150, 1000},
		classThrottle: {153},
		classToken:    {171, 172, 174},
		classRefused:  {170, 294, 295},
		classProject:  {292, 299},
		classRepo:     {160, 161, 210, 220, 230, 240, 293, 214001},
		classUnknown:  {-1, 1, 8039, 8333, 17041, 43023, 54002},
	} {
		for _, code := range codes {
			if got := classOf(code); got != class {
				t.Errorf("code %d: class %d, want %d", code, got, class)
			}
		}
	}
	for status, want := range map[int]class{
		200: classRetry, 408: classRetry, 429: classThrottle, 500: classRetry, 502: classRetry, 503: classRetry, 504: classRetry,
		401: classRefused, 403: classRefused, 407: classRefused, 301: classNoAPI, 302: classNoAPI, 400: classNoAPI, 404: classNoAPI, 405: classNoAPI,
	} {
		if got := classOfStatus(status); got != want {
			t.Errorf("status %d: class %d, want %d", status, got, want)
		}
	}
}

// TestFailures reads two repos of which the first always fails, and tells how far the failure reaches and what it costs.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault    fakeapi.Fault
		reach    error // nil: the repo alone
		requests int   // for the failing repo
		text     string
		other    bool // the other repo is read
	}{
		"signature":        {fakeapi.RetCode(171, "Signature VerifyAC Error"), registry.ErrRefused, 1, "RetCode 171: Signature VerifyAC Error", false},
		"user":             {fakeapi.RetCode(172, "User Not Exists"), registry.ErrRefused, 1, "172", false},
		"token":            {fakeapi.RetCode(174, "Token Not Exists"), registry.ErrRefused, 1, "174", false},
		"address denied":   {fakeapi.RetCode(294, ""), registry.ErrRefused, 1, "294: no message", false},
		"security lock":    {fakeapi.RetCode(295, ""), registry.ErrRefused, 1, "295", false},
		"forbidden":        {fakeapi.HTTPStatus(403), registry.ErrRefused, 1, "HTTP 403", false},
		"project unknown":  {fakeapi.RetCode(292, "Project [x] not exists"), registry.ErrProjectRefused, 1, "292", false},
		"permission":       {fakeapi.RetCode(299, "no"), registry.ErrProjectRefused, 1, "set UCLOUD_PROJECT_ID", false},
		"no such action":   {fakeapi.RetCode(161, ""), nil, 1, "161", true},
		"backend types":    {fakeapi.RetCode(214001, "json: cannot unmarshal string"), nil, 1, "214001", true},
		"product's code":   {fakeapi.RetCode(43023, "BucketNotExist"), nil, 3, "43023", true},
		"repeated 500":     {fakeapi.HTTPStatus(500), registry.ErrUnavailable, 6, "HTTP 500: Internal Server Error (after 6 attempts)", true},
		"repeated 150":     {fakeapi.RetCode(150, "busy"), registry.ErrUnavailable, 6, "RetCode 150", true},
		"HTML":             {fakeapi.HTML(), registry.ErrUnavailable, 6, "not JSON", true},
		"half a body":      {fakeapi.Truncated(), registry.ErrUnavailable, 6, "not JSON", true},
		"no code":          {fakeapi.Body("{}"), registry.ErrUnavailable, 6, "RetCode", true},
		"JSON text":        {fakeapi.Body(`"{}"`), registry.ErrUnavailable, 6, "RetCode", true},
		"connection reset": {fakeapi.Reset(), registry.ErrUnavailable, 6, "reset", true},
		"connection cut":   {fakeapi.Cut(), registry.ErrUnavailable, 6, "EOF", true},
		"too large":        {fakeapi.Huge(wire.MaxBody + 1), nil, 1, "larger than", true},
		"gzip bomb":        {fakeapi.GzipBomb(1 << 30), nil, 1, "larger than", true},
		"redirect":         {fakeapi.Redirect(302, "http://127.0.0.1:1/"), registry.ErrUnavailable, 1, "HTTP 302", false},
		"not found":        {fakeapi.HTTPStatus(404), registry.ErrUnavailable, 1, "HTTP 404", false},
		"hangs":            {fakeapi.Hang(nil), registry.ErrUnavailable, 6, "no complete answer within 700ms", true},
		"trickles":         {fakeapi.Trickle(20 * time.Millisecond), registry.ErrUnavailable, 6, "no complete answer within 700ms", true},
		"throttles for a year": {
			fakeapi.WithHeader("Retry-After", "31536000", fakeapi.HTTPStatus(429)), registry.ErrUnavailable, 1, "HTTP 429", false,
		},
		"waits too long":   {fakeapi.WithHeader("Retry-After", "9999", fakeapi.HTTPStatus(503)), registry.ErrUnavailable, 1, "HTTP 503", true},
		"code in a 500":    {fakeapi.WithHeader("X", "y", statusBody(500, `{"RetCode":172}`)), registry.ErrRefused, 1, "172", false},
		"success in a 500": {statusBody(500, `{"RetCode":0}`), registry.ErrUnavailable, 6, "HTTP 500", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.Fill("bad", 9)
			world.Fill("good", 9)
			srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Action: actionImages, Repo: "bad", Do: test.fault}))
			s := source(t, srv)
			if strings.Contains(test.text, "no complete answer") {
				s.opts.RequestTimeout = 700 * time.Millisecond
			}

			_, err := s.Read(t.Context(), repo("bad"))
			if err == nil {
				t.Fatal("read in spite of everything")
			}
			for _, sentinel := range []error{registry.ErrRefused, registry.ErrProjectRefused, registry.ErrUnavailable, registry.ErrRepoGone} {
				if errors.Is(err, sentinel) != errors.Is(test.reach, sentinel) {
					t.Errorf("error %q, reach %v expected", err, test.reach)
				}
			}
			if !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), actionImages) {
				t.Errorf("error %q does not tell %q, the action and the repo", err, test.text)
			}
			got := srv.Stats().ByRepo["bad"]
			if s.opts.RequestTimeout < time.Second { // some may have timed out before the server saw them
				got = int(s.Traffic().Requests)
			}
			if got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}

			before := srv.Stats().Requests
			snap, err := s.Read(t.Context(), repo("good"))
			switch {
			case test.other && (err != nil || len(snap.Images) != 9):
				t.Errorf("the other repo: %v", err)
			case !test.other && !errors.Is(err, test.reach):
				t.Errorf("the other repo: %v, want %v", err, test.reach)
			case !test.other && srv.Stats().Requests != before:
				t.Error("the source was asked again")
			}
			if _, err := s.Repos(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(t.Context(), repo("good")); err != nil {
				t.Errorf("the next round: %v", err)
			}
		})
	}
}

// statusBody answers a status with a body of JSON.
func statusBody(status int, body string) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestProjectRefusalReachesOneProject(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.AddProject(fakeapi.Project{ID: "org-2"})
	world.AddRepo(fakeapi.Repo{Name: "theirs", ProjectID: "org-2"})
	world.Fill("ours", 3)
	srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Project: "org-2", Do: fakeapi.RetCode(299, "IAM permission error")}))
	s := source(t, srv, func(o *Options) {
		o.Projects = []Project{{ID: "org-2", Repos: []string{"theirs"}, Discover: DiscoverAll}, {ID: fakeapi.DefaultProject, Discover: DiscoverAll}}
	})
	repos, err := s.Repos(t.Context())
	if !errors.Is(err, registry.ErrProjectRefused) || errors.Is(err, registry.ErrRefused) {
		t.Errorf("error %v", err)
	}
	want := []registry.Repo{
		{Key: registry.RepoKey{Source: "default", Name: "ours"}, ProjectID: fakeapi.DefaultProject},
		{Key: registry.RepoKey{Source: "default", Name: "theirs"}, ProjectID: "org-2"},
	}
	if diff := cmp.Diff(want, repos); diff != "" {
		t.Fatalf("repos (-want +got):\n%s", diff)
	}
	if _, err := s.Read(t.Context(), repos[1]); !errors.Is(err, registry.ErrProjectRefused) || strings.Contains(err.Error(), "UCLOUD_PROJECT_ID") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Read(t.Context(), repos[0]); err != nil {
		t.Error(err)
	}
}

func TestRepoGone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rules []fakeapi.Rule
		there bool
		gone  bool
	}{
		"gone":                     {gone: true},
		"still listed":             {there: true},
		"listing fails":            {rules: []fakeapi.Rule{{Action: actionRepos, Do: fakeapi.HTTPStatus(500)}}},
		"half of the listing":      {rules: []fakeapi.Rule{{Action: actionRepos, From: 2, Do: fakeapi.RetCode(299, "no")}}},
		"listing without an end":   {rules: []fakeapi.Rule{{Action: actionRepos, Do: fakeapi.Body(`{"RetCode":0,"TotalCount":5,"RepoSet":[{"RepoName":"x"}]}`)}}},
		"listing that is not read": {rules: []fakeapi.Rule{{Action: actionRepos, Do: fakeapi.Body(`{"RetCode":0,"TotalCount":2,"RepoSet":[]}`)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.Fill("other", 1)
			refuse := fakeapi.Rule{Action: actionImages, Repo: "web", Do: fakeapi.RetCode(230, "Params [RepoName] not available")}
			if test.there {
				world.Fill("web", 1)
			}
			srv := serve(t, world, fakeapi.Faults(append(test.rules, refuse)...))
			s := source(t, srv)
			_, err := s.Read(t.Context(), repo("web"))
			if err == nil || errors.Is(err, registry.ErrRepoGone) != test.gone || !strings.Contains(err.Error(), "RetCode 230") {
				t.Errorf("error %v, gone %v expected", err, test.gone)
			}
		})
	}
}

// TestGoneNeedsAListingAfterTheRefusal makes a repo anew between two refusals: the first listing must not speak for the second.
func TestGoneNeedsAListingAfterTheRefusal(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.Fill("other", 1)
	srv := serve(t, world)
	s := source(t, srv)
	if _, err := s.Read(t.Context(), repo("web")); !errors.Is(err, registry.ErrRepoGone) {
		t.Fatalf("error %v", err)
	}
	world.Fill("web", 1)
	srv.Set(fakeapi.Faults(fakeapi.Rule{Action: actionImages, Repo: "web", Do: fakeapi.RetCode(230, "no")}))
	if _, err := s.Read(t.Context(), repo("web")); err == nil || errors.Is(err, registry.ErrRepoGone) {
		t.Errorf("error %v", err)
	}
}

// TestSecrets looks for what signs requests in everything that a failing source says.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const token = "token/with+signs=="
	for _, encoding := range []Encoding{EncodingForm, EncodingJSON, EncodingGET} {
		for name, fault := range map[string]fakeapi.Fault{
			"echo": func(w http.ResponseWriter, r *http.Request, _ []byte) { // a server that repeats what it was sent
				_ = r.ParseForm()
				w.Header().Set("X-UCLOUD-REQUEST-UUID", r.Form.Get("Signature"))
				fmt.Fprintf(w, `{"RetCode":230,"Message":%q}`, r.Form.Encode()+" "+r.Form.Get("Signature")+" "+r.Form.Get("PublicKey")+" "+r.Form.Get("SecurityToken"))
			},
			"reset": fakeapi.Reset(), "hang": fakeapi.Hang(nil), "redirect": fakeapi.Redirect(302, "http://127.0.0.1:1/?x=y"),
			"refused": fakeapi.RetCode(171, fakeapi.DefaultPublicKey), "html": fakeapi.HTML(),
		} {
			t.Run(string(encoding)+"/"+name, func(t *testing.T) {
				t.Parallel()
				world := fakeapi.NewWorld()
				world.Fill("web", 1)
				srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Do: fault}))
				var said strings.Builder
				seen := signatures{RoundTripper: http.DefaultTransport}
				s := source(t, srv, func(o *Options) {
					o.Encoding = encoding
					o.Credentials.SecurityToken = token
					o.RequestTimeout = 50 * time.Millisecond
					o.MaxAttempts = 2
					o.Transport = &seen
					o.Logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
				_, err := s.Read(t.Context(), repo("web"))
				fmt.Fprintf(&said, "%v %+v %#v", err, s.opts.Credentials.LogValue(), err)
				secrets := slices.Concat(seen.all, []string{fakeapi.DefaultPrivateKey, fakeapi.DefaultPublicKey, token})
				for _, secret := range secrets {
					if strings.Contains(said.String(), secret) || strings.Contains(said.String(), form(map[string]string{"": secret})[1:]) {
						t.Errorf("%q stands in: %s", secret, said.String())
					}
				}
				if len(secrets) < 4 || !strings.Contains(said.String(), "web") {
					t.Error("nothing was looked at")
				}
			})
		}
	}
}

// signatures keeps what every request was signed with.
type signatures struct {
	http.RoundTripper
	all []string
}

func (s *signatures) RoundTrip(r *http.Request) (*http.Response, error) {
	clone := r.Clone(context.Background())
	if r.GetBody != nil {
		clone.Body, _ = r.GetBody()
	}
	var fields struct{ Signature string }
	if strings.Contains(r.Header.Get("Content-Type"), "json") {
		_ = json.NewDecoder(clone.Body).Decode(&fields)
	} else if clone.ParseForm() == nil {
		fields.Signature = clone.Form.Get("Signature")
	}
	s.all = append(s.all, fields.Signature)
	s.all = slices.DeleteFunc(s.all, func(text string) bool { return text == "" })
	return s.RoundTripper.RoundTrip(r)
}
