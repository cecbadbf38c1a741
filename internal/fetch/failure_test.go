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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
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
		401: classRefused, 403: classRefused, 407: classProxy, 301: classNoAPI, 302: classNoAPI, 400: classNoAPI, 404: classNoAPI, 405: classNoAPI,
	} {
		if got := classOfStatus(status); got != want {
			t.Errorf("status %d: class %d, want %d", status, got, want)
		}
	}
}

// failures are what may go wrong with a request.
var failures = map[string]struct {
	fault    fakeapi.Fault
	reach    error // when every repo fails like this; nil: the repo alone all the same
	requests int   // for a repo that fails
	text     string
}{
	"signature":        {faults.RetCode(171, "Signature VerifyAC Error"), registry.ErrRefused, 1, "RetCode 171: Signature VerifyAC Error"},
	"user":             {faults.RetCode(172, "User Not Exists"), registry.ErrRefused, 1, "172"},
	"token":            {faults.RetCode(174, "Token Not Exists"), registry.ErrRefused, 1, "174"},
	"address denied":   {faults.RetCode(294, ""), registry.ErrRefused, 1, "294: no message"},
	"security lock":    {faults.RetCode(295, ""), registry.ErrRefused, 1, "295"},
	"forbidden":        {faults.HTTPStatus(403), registry.ErrRefused, 1, "HTTP 403"},
	"project unknown":  {faults.RetCode(292, "Project [x] not exists"), registry.ErrProjectRefused, 1, "292"},
	"permission":       {faults.RetCode(299, "no"), registry.ErrProjectRefused, 1, "set UCLOUD_PROJECT_ID"},
	"no such action":   {faults.RetCode(161, ""), nil, 1, "161"},
	"backend types":    {faults.RetCode(214001, "json: cannot unmarshal string"), nil, 2, "214001"},
	"product's code":   {faults.RetCode(43023, "BucketNotExist"), nil, 6, "43023"},
	"repeated 500":     {faults.HTTPStatus(500), registry.ErrUnavailable, 6, "HTTP 500: Internal Server Error (after 6 attempts)"},
	"repeated 150":     {faults.RetCode(150, "busy"), registry.ErrUnavailable, 6, "RetCode 150"},
	"HTML":             {faults.HTML(), registry.ErrUnavailable, 6, "not JSON"},
	"half a body":      {faults.Truncated(), registry.ErrUnavailable, 6, "not JSON"},
	"no code":          {faults.Body("{}"), registry.ErrUnavailable, 6, "RetCode"},
	"JSON text":        {faults.Body(`"{}"`), registry.ErrUnavailable, 6, "RetCode"},
	"connection reset": {faults.Reset(), registry.ErrUnavailable, 6, "reset"},
	"connection cut":   {faults.Cut(), registry.ErrUnavailable, 6, "EOF"},
	"too large":        {faults.Huge(wire.MaxBody + 1), nil, 1, "larger than"},
	"gzip bomb":        {faults.GzipBomb(1 << 30), nil, 1, "larger than"},
	"redirect":         {faults.Redirect(302, "http://127.0.0.1:1/"), registry.ErrUnavailable, 1, "HTTP 302"},
	"not found":        {faults.HTTPStatus(404), registry.ErrUnavailable, 1, "HTTP 404"},
	"hangs":            {faults.Hang(nil), registry.ErrUnavailable, 6, "no complete answer within"},
	"trickles":         {faults.Trickle(20 * time.Millisecond), registry.ErrUnavailable, 6, "no complete answer within"},
	"throttles for a year": {
		faults.WithHeader("Retry-After", "31536000", faults.HTTPStatus(429)), registry.ErrUnavailable, 1, "HTTP 429",
	},
	"waits too long":   {faults.WithHeader("Retry-After", "9999", faults.HTTPStatus(503)), registry.ErrUnavailable, 1, "HTTP 503"},
	"proxy":            {faults.HTTPStatus(407), registry.ErrUnavailable, 1, "HTTPS_PROXY"},
	"unauthorized":     {faults.HTTPStatus(401), registry.ErrRefused, 1, "HTTP 401"},
	"control byte":     {faults.Body("{\"RetCode\":0,\"Message\":\"\x01\"}"), registry.ErrUnavailable, 6, "not JSON"},
	"internal error":   {faults.RetCode(1000, "internal error"), registry.ErrUnavailable, 6, "RetCode 1000"},
	"code in a 500":    {faults.WithHeader("X", "y", statusBody(500, `{"RetCode":172}`)), registry.ErrRefused, 1, "172"},
	"success in a 500": {statusBody(500, `{"RetCode":0}`), registry.ErrUnavailable, 6, "HTTP 500"},
}

// TestOneRepoFails reads two repos of which the first always fails. That is its failure alone, whatever it is, and it costs no more
// than its attempts and the question whether others answer.
func TestOneRepoFails(t *testing.T) {
	t.Parallel()
	for name, test := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.Fill("bad", 9)
			world.Fill("good", 9)
			srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Action: actionImages, Repo: "bad", Do: test.fault}))
			s := source(t, srv)
			s.Witnesses(nil, []registry.Repo{repo("bad"), repo("good")})
			if strings.Contains(test.text, "no complete answer") {
				s.opts.RequestTimeout = 200 * time.Millisecond
			}
			_, err := s.Read(t.Context(), repo("bad"))
			expectFailure(t, err, nil, test.text)
			stats := srv.Stats()
			slow := s.opts.RequestTimeout < time.Second // some may have timed out before the server saw them
			if got := stats.ByRepo["bad"]; !slow && got != test.requests || got > test.requests || stats.ByRepo["good"] > 1 {
				t.Errorf("%d requests, want %d: %+v", got, test.requests, stats)
			}
			if snap, err := s.Read(t.Context(), repo("good")); err != nil || len(snap.Images) != 9 {
				t.Errorf("the other repo: %v", err)
			}
		})
	}
}

// TestEveryRepoFails fails all requests alike. Few are sent, none for what is known by then, and the next round begins anew.
func TestEveryRepoFails(t *testing.T) {
	t.Parallel()
	for name, test := range failures {
		for _, before := range []bool{false, true} { // read well before
			t.Run(fmt.Sprint(name, before), func(t *testing.T) {
				t.Parallel()
				world := fakeapi.NewWorld()
				var repos []registry.Repo
				for i := range 30 {
					repos = append(repos, repo(fmt.Sprintf("r%02d", i)))
					world.Fill(repos[i].Key.Name, 9)
				}
				srv := serve(t, world)
				s := source(t, srv)
				if s.Witnesses(nil, repos); before {
					s.Witnesses(repos, repos)
				}
				if strings.Contains(test.text, "no complete answer") {
					s.opts.RequestTimeout = 200 * time.Millisecond
				}
				srv.Set(fakeapi.Faults(fakeapi.Rule{Do: test.fault}))
				_, err := s.Read(t.Context(), repos[0])
				expectFailure(t, err, test.reach, test.text)
				asked := s.Traffic().Requests
				if most := test.requests + anyWitnesses; asked > int64(most) || before && asked > int64(test.requests+max(test.requests, goodWitnesses)) {
					t.Errorf("%d requests", asked)
				}
				if test.reach == nil {
					return
				}
				if _, err := s.Read(t.Context(), repos[1]); !errors.Is(err, test.reach) || !strings.Contains(err.Error(), "not sent") || s.Traffic().Requests != asked {
					t.Errorf("the other repo, %d requests: %v", s.Traffic().Requests-asked, err)
				}
				srv.Set(fakeapi.Faults())
				if _, err := s.Repos(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Read(t.Context(), repos[0]); err != nil {
					t.Errorf("the next round: %v", err)
				}
			})
		}
	}
}

func expectFailure(t *testing.T, err, reach error, text string) {
	t.Helper()
	if err == nil {
		t.Fatal("read in spite of everything")
	}
	for _, sentinel := range []error{registry.ErrRefused, registry.ErrProjectRefused, registry.ErrUnavailable, registry.ErrRepoGone} {
		if errors.Is(err, sentinel) != errors.Is(reach, sentinel) {
			t.Errorf("error %q, reach %v expected", err, reach)
		}
	}
	if !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), actionImages) {
		t.Errorf("error %q does not tell %q and the action", err, text)
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
	srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Project: "org-2", Do: faults.RetCode(299, "IAM permission error")}))
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

// What one refusal of a project was found to mean serves all who met it at the same time.
func TestProjectRefusalIsJudgedOnce(t *testing.T) {
	t.Parallel()
	const readers, repos = 6, 30
	world := fakeapi.NewWorld()
	var names []string
	for i := range repos {
		names = append(names, fmt.Sprintf("repo-%02d", i))
		world.Fill(names[i], 1)
	}
	var all, meet sync.WaitGroup
	meet.Add(readers)
	srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Do: faults.RetCode(299, "IAM permission error")}), fakeapi.Before(func(q fakeapi.Request) {
		if q.N <= readers {
			meet.Done()
			meet.Wait()
		}
	}))
	s := source(t, srv, func(o *Options) { o.Projects, o.Concurrency = []Project{{Repos: names}}, readers })
	for _, name := range names[:readers] {
		all.Go(func() {
			if _, err := s.Read(t.Context(), repo(name)); !errors.Is(err, registry.ErrProjectRefused) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Wait()
	if n := srv.Stats().Requests; n > readers+anyWitnesses {
		t.Errorf("%d requests, want at most one a reader and %d witnesses", n, anyWitnesses)
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
		"listing fails":            {rules: []fakeapi.Rule{{Action: actionRepos, Do: faults.HTTPStatus(500)}}},
		"half of the listing":      {rules: []fakeapi.Rule{{Action: actionRepos, From: 2, Do: faults.RetCode(299, "no")}}},
		"listing without an end":   {rules: []fakeapi.Rule{{Action: actionRepos, Do: faults.Body(`{"RetCode":0,"TotalCount":5,"RepoSet":[{"RepoName":"x"}]}`)}}},
		"listing that is not read": {rules: []fakeapi.Rule{{Action: actionRepos, Do: faults.Body(`{"RetCode":0,"TotalCount":2,"RepoSet":[]}`)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.Fill("other", 1)
			refuse := fakeapi.Rule{Action: actionImages, Repo: "web", Do: faults.RetCode(230, "Params [RepoName] not available")}
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
	srv.Set(fakeapi.Faults(fakeapi.Rule{Action: actionImages, Repo: "web", Do: faults.RetCode(230, "no")}))
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
			"reset": faults.Reset(), "hang": faults.Hang(nil), "redirect": faults.Redirect(302, "http://127.0.0.1:1/?x=y"),
			"refused": faults.RetCode(171, fakeapi.DefaultPublicKey), "html": faults.HTML(),
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
