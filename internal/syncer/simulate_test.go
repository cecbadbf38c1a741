package syncer_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/fetch"
	"syncer/internal/registry"
	"syncer/internal/syncer"
)

// runsVariable is how many runs TestSimulatedAccounts does; make simulate sets it.
const runsVariable = "SYNCER_SIMULATE_RUNS"

// runsEach is how many runs an account has with the same Source, Runner and Sink.
const runsEach = 5

// The bound of what a run may send: three walks of every list, a few pages each beyond those that hold its rows, a tenth more for
// requests that are repeated; and for a repo that fails its attempts, the witnesses, and looking it up in the lists.
const (
	walks       = 3
	beyond      = 3
	eachFailure = 6 + 8 + 6
)

// TestSimulatedAccounts reads whole accounts, in which some repos fail in every way there is, run after run, through one Source and
// one Runner each. Every repo that answers is read in every run, whatever its neighbours do, at a bounded price.
func TestSimulatedAccounts(t *testing.T) {
	t.Parallel()
	runs := 400
	if text := os.Getenv(runsVariable); text != "" {
		var err error
		if runs, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", runsVariable, err)
		}
	}
	for seed := range runs / runsEach {
		synctest.Test(t, func(t *testing.T) {
			a := newAccount(t, uint64(seed), newMemory())
			for run := range runsEach {
				a.live()
				if a.run(run); t.Failed() {
					t.Fatalf("seed %d, run %d: %s", seed, run, a)
				}
			}
		})
	}
}

// badly are ways in which a repo may fail for good while others are well.
var badly = map[string]fakeapi.Fault{
	"401": faults.HTTPStatus(401), "403": faults.HTTPStatus(403), "404": faults.HTTPStatus(404), "407": faults.HTTPStatus(407),
	"500": faults.HTTPStatus(500), "503": faults.HTTPStatus(503), "302": faults.Redirect(302, "http://127.0.0.1:1/"),
	"code 1000": faults.RetCode(1000, "internal error"), "code 110": faults.RetCode(110, "timeout"), "code 171": faults.RetCode(171, "Signature"),
	"code 174": faults.RetCode(174, "Token"), "code 230": faults.RetCode(230, "Params [RepoName]"), "code 8039": faults.RetCode(8039, "no"),
	"code 292": faults.RetCode(292, "Project"), "code 299": faults.RetCode(299, "IAM"), "code 153": faults.RetCode(153, "throttled"),
	"control byte": faults.Body("{\"RetCode\":0,\"Message\":\"\x01\"}"), "half": faults.Truncated(), "HTML": faults.HTML(), "empty": faults.Body(""),
	"closed": faults.Reset(), "hangs": faults.Hang(nil), "wait": faults.WithHeader("Retry-After", "1.5", faults.HTTPStatus(429)),
	"go away": faults.WithHeader("Retry-After", "99999999999", faults.HTTPStatus(429)),
}

// outages are what may be wrong with all of a registry.
var outages = map[string]syncer.Outcome{
	"503": syncer.Unavailable, "closed": syncer.Unavailable, "code 1000": syncer.Unavailable, "404": syncer.Unavailable, "407": syncer.Unavailable,
	"code 153": syncer.Unavailable, "go away": syncer.Unavailable, "403": syncer.Refused, "code 171": syncer.Refused, "code 299": syncer.Refused,
}

// account is a simulated account and what reads it.
type account struct {
	t        *testing.T
	rng      *rand.Rand
	api      *fakeapi.API
	names    []string
	images   map[string]int
	bad      map[string]string // how a repo fails
	outage   string            // how everything fails
	page     int
	readers  int
	discover string
	share    float64 // of repos that fail
	sink     *memory
	runner   *syncer.Runner
}

func newAccount(t *testing.T, seed uint64, sink *memory) *account {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 11))
	a := &account{
		t: t, rng: rng, images: map[string]int{}, bad: map[string]string{}, sink: sink, readers: 1 + rng.IntN(4), share: rng.Float64() * 0.4,
		page: []int{10, 20, 100}[rng.IntN(3)], discover: []string{fetch.DiscoverNone, fetch.DiscoverAll}[rng.IntN(2)],
	}
	world := fakeapi.NewWorld()
	for i := range 20 + rng.IntN(41) {
		name := fmt.Sprintf("repo-%02d", i)
		a.names = append(a.names, name)
		a.images[name] = rng.IntN(30)
		if rng.IntN(10) == 0 {
			a.images[name] = rng.IntN(300)
		}
		world.AddRepo(fakeapi.Repo{Name: name, Order: fakeapi.Order(rng.IntN(4))})
		world.Fill(name, a.images[name])
	}
	a.api = fakeapi.New(world, fakeapi.FaultFunc(a.fault), fakeapi.WithPaging(fakeapi.Paging{Clamp: []int{0, 50}[rng.IntN(2)]}))
	project := fetch.Project{ID: fakeapi.DefaultProject, Discover: a.discover}
	if a.discover == fetch.DiscoverNone {
		project.Repos = a.names
	}
	source, err := fetch.New(fetch.Options{
		BaseURL: "http://registry.invalid", Credentials: fetch.Credentials{PublicKey: fakeapi.DefaultPublicKey, PrivateKey: fakeapi.DefaultPrivateKey},
		Projects: []fetch.Project{project}, PageSize: a.page, Concurrency: a.readers, Now: time.Now, Rand: func() float64 { return 0.5 }, Transport: handed{a.api},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.runner = syncer.New(sink, []syncer.Lane{{Source: source, Readers: a.readers}}, syncer.Options{
		Kind: registry.RunSync, Version: "simulation", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	return a
}

func (a *account) String() string {
	return fmt.Sprintf("%d repos, pages of %d, %d readers, discover %s, outage %q, failing: %v", len(a.names), a.page, a.readers, a.discover, a.outage, a.bad)
}

// fault is what goes wrong with a call.
func (a *account) fault(q fakeapi.Request) fakeapi.Fault {
	switch how := a.bad[q.Repo]; {
	case a.outage != "":
		return badly[a.outage]
	case how != "":
		return badly[how]
	case rand.New(rand.NewPCG(uint64(q.N), 13)).IntN(50) == 0: // now and then a request of the others fails too
		return faults.HTTPStatus(502)
	default:
		return nil
	}
}

// live lets some time pass: repos begin to fail, in a row or anywhere, and get well again.
func (a *account) live() {
	time.Sleep(time.Hour)
	kinds := sorted(badly)
	for _, name := range sorted(a.bad) {
		if a.rng.IntN(3) == 0 {
			delete(a.bad, name)
		}
	}
	at := a.rng.IntN(len(a.names))
	scattered := a.rng.IntN(2) == 0
	for len(a.bad) < int(a.share*float64(len(a.names))) {
		if at++; scattered {
			at = a.rng.IntN(len(a.names))
		}
		a.bad[a.names[at%len(a.names)]] = kinds[a.rng.IntN(len(kinds))]
	}
	if a.outage = ""; a.rng.IntN(8) == 0 {
		a.outage = sorted(outages)[a.rng.IntN(len(outages))]
	}
}

// run does a run and judges it.
func (a *account) run(n int) {
	before := a.api.Stats().Requests
	res, err := a.runner.Run(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	sent := a.api.Stats().Requests - before
	if a.outage != "" {
		if want := outages[a.outage]; res.Outcome != want || res.Summary.OK != 0 {
			a.t.Errorf("outcome %d, want %d: %s", res.Outcome, want, res.Summary.Error)
		}
		if most := a.readers*6 + 8; sent > most {
			a.t.Errorf("%d requests to a registry that is down, want at most %d", sent, most)
		}
		return
	}
	for _, name := range a.names {
		got := a.sink.run[name]
		if well := a.bad[name] == ""; well != (got.Status == registry.RepoOK) || well && got.Seen != a.images[name] {
			a.t.Errorf("%s is %q with %d of %d images, failing %q: %s", name, got.Status, got.Seen, a.images[name], a.bad[name], got.Error)
		}
	}
	most := eachFailure * len(a.bad)
	for _, rows := range append([]int{len(a.names)}, slices.Collect(valuesOf(a.images))...) {
		most += walks * (rows/max(1, a.page-2) + beyond)
	}
	if most += most / 10; sent > most {
		a.t.Errorf("%d requests, want at most %d", sent, most)
	}
	want := syncer.Complete
	if len(a.bad) > 0 {
		want = syncer.Partial
	}
	if res.Outcome != want {
		a.t.Errorf("run %d: outcome %d, want %d: %s", n, res.Outcome, want, res.Summary.Error)
	}
}

// handed hands requests to a handler without a network between, and breaks off where it does.
type handed struct{ http.Handler }

func (h handed) RoundTrip(r *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		if cause := recover(); cause == http.ErrAbortHandler { //nolint:errorlint // a panic's value
			err = fmt.Errorf("connection reset by peer")
		} else if cause != nil {
			panic(cause)
		}
	}()
	h.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}
