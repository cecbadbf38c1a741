package fetch

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"syncer/internal/fakeapi"
	"syncer/internal/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a simulated registry.
func serve(t testing.TB, world *fakeapi.World, options ...fakeapi.Option) *fakeapi.Server {
	t.Helper()
	srv, err := fakeapi.NewServer(world, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// direct hands requests to a handler without a network between.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// directly makes a source that reads an API of the world without a network between.
func directly(t testing.TB, world *fakeapi.World, options ...fakeapi.Option) *Source {
	t.Helper()
	s, err := New(Options{
		BaseURL:     "http://registry.invalid",
		Credentials: Credentials{PublicKey: fakeapi.DefaultPublicKey, PrivateKey: fakeapi.DefaultPrivateKey},
		Now:         time.Now,
		Rand:        func() float64 { return 0 },
		Transport:   direct{fakeapi.New(world, options...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// source makes a source that reads srv and does not wait between attempts, unless change says otherwise.
func source(t testing.TB, srv *fakeapi.Server, change ...func(*Options)) *Source {
	t.Helper()
	opts := Options{
		Credentials: Credentials{PublicKey: fakeapi.DefaultPublicKey, PrivateKey: fakeapi.DefaultPrivateKey},
		Now:         time.Now,
		Rand:        func() float64 { return 0 },
	}
	if srv != nil {
		opts.BaseURL, opts.Credentials = srv.URL, Credentials{PublicKey: srv.PublicKey, PrivateKey: srv.PrivateKey}
	}
	for _, c := range change {
		c(&opts)
	}
	if opts.Transport == nil {
		tr := transport(cmp.Or(opts.Concurrency, defaultConcurrency)).(*http.Transport)
		t.Cleanup(tr.CloseIdleConnections)
		opts.Transport = tr
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func repo(name string) registry.Repo {
	return registry.Repo{Key: registry.RepoKey{Source: "default", Name: name}}
}
