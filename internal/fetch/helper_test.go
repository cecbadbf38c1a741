package fetch

import (
	"cmp"
	"net/http"
	"slices"
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

// source makes a source that reads srv and does not wait between attempts, unless change says otherwise.
func source(t testing.TB, srv *fakeapi.Server, change ...func(*Options)) *Source {
	t.Helper()
	opts := Options{
		BaseURL:     srv.URL,
		Credentials: Credentials{PublicKey: srv.PublicKey, PrivateKey: srv.PrivateKey},
		Now:         time.Now,
		Rand:        func() float64 { return 0 },
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

func names(images []registry.Image) []string {
	var all []string
	for _, image := range images {
		all = append(all, image.Name)
	}
	slices.Sort(all)
	return all
}
