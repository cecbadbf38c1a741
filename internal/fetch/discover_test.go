package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
)

func TestRepos(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.AddProject(fakeapi.Project{ID: "org-2"})
	for _, name := range []string{"app-a", "app-b", "tmp-a"} {
		world.AddRepo(fakeapi.Repo{Name: name})
	}
	world.AddRepo(fakeapi.Repo{Name: "lib", Shared: true})
	world.AddRepo(fakeapi.Repo{Name: "app-c", ProjectID: "org-2"})
	for i := range 120 {
		world.AddRepo(fakeapi.Repo{Name: fmt.Sprintf("many-%03d", i), ProjectID: "org-2"})
	}
	for name, test := range map[string]struct {
		projects []Project
		wire     fakeapi.Wire
		want     string // name@project, "many" counted
		many     int
	}{
		"none":               {projects: []Project{{Repos: []string{"z", "a"}}}, want: "a@ z@"},
		"private":            {projects: []Project{{ID: "org-1", Discover: DiscoverPrivate}}, want: "app-a@org-1 app-b@org-1 tmp-a@org-1"},
		"public":             {projects: []Project{{ID: "org-1", Discover: DiscoverPublic}}, want: "lib@org-1"},
		"all":                {projects: []Project{{ID: "org-1", Discover: DiscoverAll}}, want: "app-a@org-1 app-b@org-1 lib@org-1 tmp-a@org-1"},
		"globs":              {projects: []Project{{ID: "org-1", Discover: DiscoverAll, Include: []string{"app-*", "lib"}, Exclude: []string{"*-b"}}}, want: "app-a@org-1 lib@org-1"},
		"named and globs":    {projects: []Project{{ID: "org-1", Repos: []string{"tmp-x"}, Discover: DiscoverPrivate, Exclude: []string{"tmp-*"}}}, want: "app-a@org-1 app-b@org-1 tmp-x@org-1"},
		"named elsewhere":    {projects: []Project{{ID: "org-1", Discover: DiscoverPrivate}, {ID: "org-2", Repos: []string{"app-a"}}}, want: "app-a@org-2 app-b@org-1 tmp-a@org-1"},
		"two projects":       {projects: []Project{{ID: "org-1", Discover: DiscoverPrivate, Include: []string{"app-*"}}, {ID: "org-2", Discover: DiscoverPrivate}}, want: "app-a@org-1 app-b@org-1 app-c@org-2", many: 120},
		"plain names":        {projects: []Project{{ID: "org-1", Discover: DiscoverPublic}}, wire: fakeapi.Wire{RepoNames: true}, want: "lib@org-1"},
		"odd flags and case": {projects: []Project{{ID: "org-1", Discover: DiscoverPublic}}, wire: fakeapi.Wire{Flags: fakeapi.FlagTypo, Keys: fakeapi.KeysUpper, Codes: fakeapi.CodeString, Totals: fakeapi.TotalString, BOM: true, Extra: true}, want: "lib@org-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := directly(t, world, fakeapi.WithWire(test.wire))
			s.opts.Projects = test.projects
			repos, err := s.Repos(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			many := 0
			for _, r := range repos {
				if strings.HasPrefix(r.Key.Name, "many-") && r.ProjectID == "org-2" {
					many++
					continue
				}
				got = append(got, r.Key.Name+"@"+r.ProjectID)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" || many != test.many {
				t.Errorf("%d of many; repos (-want +got):\n%s", many, diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	world.Fill("web", 500)
	srv := serve(t, world)
	for name, test := range map[string]struct {
		change func(*Options)
		reach  error
	}{
		"listing":    {func(*Options) {}, nil},
		"a repo":     {func(o *Options) { o.Projects[0].Repos = []string{"web"} }, nil},
		"wrong key":  {func(o *Options) { o.Credentials.PrivateKey = "x" }, registry.ErrRefused},
		"wrong user": {func(o *Options) { o.Credentials.PublicKey = "x" }, registry.ErrRefused},
		"no project": {func(o *Options) { o.Projects[0].ID = "org-x" }, registry.ErrProjectRefused},
		"not an API": {func(o *Options) { o.BaseURL = "http://127.0.0.1:1" }, registry.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := source(t, srv, func(o *Options) {
				o.Projects = []Project{{ID: "org-1"}}
				o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
				test.change(o)
			})
			if err := s.Check(t.Context()); !errors.Is(err, test.reach) {
				t.Fatalf("error %v, want %v", err, test.reach)
			}
			if name == "not an API" {
				return
			}
			if skew, ok := s.ClockSkew(); !ok || skew < 59*time.Minute || skew > 61*time.Minute {
				t.Errorf("skew %v, %v", skew, ok)
			}
			if got := s.Traffic().Requests; got != 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// TestEncodings reads with everything that a request can carry, in every encoding, from a server that knows what it may get.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const odd = "镜像 a+b/c=d&e"
	for _, encoding := range []Encoding{EncodingForm, EncodingJSON, EncodingGET} {
		t.Run(string(encoding), func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.SetAccounts(fakeapi.Account{PublicKey: "a+b/c==", PrivateKey: "secret", SecurityToken: "t+k/n=", RequireProject: true})
			world.Fill(odd, 120)
			srv := serve(t, world, fakeapi.StrictParams(true), fakeapi.RequireHeader("channel-key", "7"))
			s := source(t, srv, func(o *Options) {
				o.Credentials = Credentials{PublicKey: "a+b/c==", PrivateKey: "secret", SecurityToken: "t+k/n="}
				o.Encoding = encoding
				o.Headers = map[string]string{"channel-key": "7"}
				o.BaseURL = srv.URL + "/api"
			})
			r := repo(odd)
			r.ProjectID = "org-1"
			snap, err := s.Read(t.Context(), r)
			if err != nil || len(snap.Images) != 120 {
				t.Fatalf("%d images: %v", len(snap.Images), err)
			}
			if q := srv.Log()[0]; q.JSON != (encoding == EncodingJSON) || (q.Method == http.MethodGet) != (encoding == EncodingGET) {
				t.Errorf("request %+v", q)
			}
			r.ProjectID = ""
			if _, err := s.Read(t.Context(), r); !errors.Is(err, registry.ErrProjectRefused) || !strings.Contains(err.Error(), "UCLOUD_PROJECT_ID") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestRefresh lets a temporary token run out.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tokens  []string // handed out one after the other
		err     error
		refused bool
		asked   int
	}{
		"renewed":         {tokens: []string{"new"}, asked: 1},
		"still not known": {tokens: []string{"bad", "new"}, refused: true, asked: 1},
		"none to be had":  {err: errors.New("metadata service is down"), refused: true, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.SetAccounts(fakeapi.Account{PublicKey: "p", PrivateKey: "k", SecurityToken: "new"})
			world.Fill("web", 500)
			srv := serve(t, world)
			asked := 0
			s := source(t, srv, func(o *Options) {
				o.Credentials = Credentials{PublicKey: "p", PrivateKey: "k", SecurityToken: "old"}
				o.Refresh = func(context.Context) (Credentials, error) {
					asked++
					if test.err != nil {
						return Credentials{}, test.err
					}
					return Credentials{PublicKey: "p", PrivateKey: "k", SecurityToken: test.tokens[asked-1]}, nil
				}
			})
			_, err := s.Read(t.Context(), repo("web"))
			if errors.Is(err, registry.ErrRefused) != test.refused || (err != nil) != test.refused {
				t.Errorf("error %v", err)
			}
			if asked != test.asked {
				t.Errorf("asked %d times", asked)
			}
			if test.err != nil && !strings.Contains(err.Error(), test.err.Error()) {
				t.Errorf("error %q does not tell why", err)
			}
			if test.refused {
				return
			}
			world.SetAccounts(fakeapi.Account{PublicKey: "p", PrivateKey: "k", SecurityToken: "newer"})
			test.tokens = append(test.tokens, "newer")
			if _, err := s.Read(t.Context(), repo("web")); err != nil || asked != 2 {
				t.Errorf("asked %d times, then %v", asked, err)
			}
		})
	}
}

// TestRotatedKeys replaces a static pair in two steps, as files are: in between, the registry knows no such pair.
func TestRotatedKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]fakeapi.Account{
		"another private key": {PublicKey: "p", PrivateKey: "new"}, "another pair": {PublicKey: "new", PrivateKey: "new"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := fakeapi.NewWorld()
			world.SetAccounts(key)
			world.Fill("web", 5)
			inFiles := Credentials{PublicKey: key.PublicKey, PrivateKey: "half-written"}
			asked := 0
			s := source(t, serve(t, world), func(o *Options) {
				o.Credentials = Credentials{PublicKey: "p", PrivateKey: "old"}
				o.Projects = []Project{{Repos: []string{"web"}}}
				o.Refresh = func(context.Context) (Credentials, error) {
					asked++
					return inFiles, nil
				}
			})
			if _, err := s.Read(t.Context(), repo("web")); !errors.Is(err, registry.ErrRefused) || asked != 1 {
				t.Errorf("between the steps: asked %d times, error %v", asked, err)
			}
			inFiles.PrivateKey = key.PrivateKey
			if _, err := s.Repos(t.Context()); err != nil { // the next run
				t.Fatal(err)
			}
			if _, err := s.Read(t.Context(), repo("web")); err != nil || asked != 2 {
				t.Errorf("after both: asked %d times, error %v", asked, err)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	good := func() Options {
		return Options{BaseURL: "https://api.example.com", Credentials: Credentials{PublicKey: "p", PrivateKey: "k"}, Now: time.Now}
	}
	for name, test := range map[string]struct {
		change func(*Options)
		want   []string
	}{
		"good":         {func(*Options) {}, nil},
		"all at once":  {func(o *Options) { o.Now, o.BaseURL, o.Credentials.PrivateKey = nil, "api.example.com", "" }, []string{"clock", "base URL", "private key"}},
		"URL password": {func(o *Options) { o.BaseURL = "https://u:hunter2@api.example.com" }, []string{"no user"}},
		"encoding":     {func(o *Options) { o.Encoding = "xml" }, []string{"xml"}},
		"discover":     {func(o *Options) { o.Projects = []Project{{Discover: "some"}} }, []string{"some"}},
		"glob":         {func(o *Options) { o.Projects = []Project{{Include: []string{"["}}} }, []string{"["}},
		"negative":     {func(o *Options) { o.PageSize = -1 }, []string{"negative"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := good()
			test.change(&opts)
			_, err := New(opts)
			if (err == nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not tell of %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q holds the password", err)
			}
		})
	}
}
