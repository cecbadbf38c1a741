package fakeapi

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func imagesAt(t *testing.T, srv *Server, repo string, offset, limit int) reply {
	t.Helper()
	return decode(t, ask(t, srv, params{
		"Action": "GetRepoImage", "RepoName": repo, "Offset": strconv.Itoa(offset), "Limit": strconv.Itoa(limit),
	}))
}

func TestPagesAreTheTruth(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 20, 257} {
		w := NewWorld()
		w.AddRepo(Repo{Name: "r"})
		w.Fill("r", n)
		srv := serve(t, w)
		var got, want []string
		for offset := 0; ; offset += 100 {
			page := imagesAt(t, srv, "r", offset, 100)
			if page.TotalCount != n {
				t.Fatalf("TotalCount: got %d, want %d", page.TotalCount, n)
			}
			for _, i := range page.ImageSet {
				got = append(got, fmt.Sprint(i))
			}
			if len(page.ImageSet) == 0 {
				break
			}
		}
		for _, i := range w.Images("r") {
			want = append(want, fmt.Sprintf("{%s r %d %d %s %d}", i.Name, i.Created.Unix(), i.Updated.Unix(), i.Tag, i.Pulls))
		}
		if d := gocmp.Diff(want, got); d != "" || len(got) != n {
			t.Errorf("%d images (-want +got):\n%s", n, d)
		}
	}
}

func TestDefaultsOfPaging(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.Fill("r", 50)
	srv := serve(t, w)
	if got := decode(t, ask(t, srv, params{"Action": "GetRepoImage", "RepoName": "r"})); len(got.ImageSet) != 20 || got.ImageSet[0].ImageName != "img-00049" {
		t.Errorf("without Offset and Limit: got %v", got.names())
	}
	if got := imagesAt(t, srv, "r", 0, 1<<62); len(got.ImageSet) != 50 {
		t.Errorf("huge limit: got %d rows", len(got.ImageSet))
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.AddRepo(Repo{Name: "a"})
	w.AddRepo(Repo{Name: "b", Shared: true})
	w.AddRepo(Repo{Name: "c", ProjectID: "org-2"})
	w.AddRepo(Repo{Name: "d"})
	srv := serve(t, w)
	repos := func(p params) string {
		p["Action"] = "GetRepo"
		r := decode(t, ask(t, srv, p))
		names := []string{strconv.Itoa(r.TotalCount)}
		for _, row := range r.RepoSet {
			names = append(names, row.RepoName+"="+row.IsShared)
		}
		return strings.Join(names, " ")
	}
	for want, p := range map[string]params{
		"1 b=true":          {},
		"2 a=false d=false": {"Type": "private"},
		"2 d=false":         {"Type": "private", "Offset": "1", "Limit": "5"},
		"2 d=false ":        {"Type": "private", "Offset": "1", "Limit": strconv.Itoa(math.MaxInt)},
		"2":                 {"Type": "private", "Offset": "2"},
		"1 c=false":         {"Type": "private", "ProjectId": "org-2"},
		"0":                 {"Type": "public", "ProjectId": "org-2"},
	} {
		if got := repos(p); got != strings.TrimSpace(want) {
			t.Errorf("%v: got %q, want %q", p, got, want)
		}
	}
	w.RemoveRepo("a")
	if got := repos(params{"Type": "private"}); got != "1 d=false" {
		t.Errorf("after a removal: got %q", got)
	}
	w.UpdateRepo("d", func(r *Repo) { r.Shared = true })
	if got := repos(params{"Type": "private"}); got != "0" {
		t.Errorf("after changes: got %q", got)
	}
	if got := decode(t, ask(t, srv, params{"Action": "GetProjectList"})); len(got.ProjectSet) != 2 {
		t.Errorf("projects: got %v", got)
	}
	w.RemoveProject("org-2")
	if got := decode(t, ask(t, srv, params{"Action": "GetRepo", "ProjectId": "org-2"})); got.RetCode != 292 {
		t.Errorf("removed project: got %v", got)
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	for order, want := range map[Order]string{Newest: "bca", Insertion: "acb", ByName: "abc", Updated: "abc"} {
		w := NewWorld()
		w.AddRepo(Repo{Name: "r", Order: order})
		for _, name := range []string{"a", "x", "c", "b"} {
			w.PutImages("r", Image{Name: name})
		}
		w.RemoveImage("r", "x")
		w.SetTime(w.Now().Add(time.Hour))
		w.Push("r", "c", "v2")
		w.Push("r", "b", "v2")
		w.Push("r", "a", "v2")
		got := ""
		for _, i := range w.Images("r") {
			got += i.Name
		}
		if got != want {
			t.Errorf("order %d: got %s, want %s", order, got, want)
		}
		w.Swap("r", "a", "c")
		swapped := strings.NewReplacer("a", "c", "c", "a").Replace(want)
		if order == ByName {
			swapped = want
		}
		got = ""
		for _, i := range w.Images("r") {
			got += i.Name
		}
		if got != swapped {
			t.Errorf("order %d after a swap: got %s, want %s", order, got, swapped)
		}
	}
}

// Whatever is done, a list holds each image once and in order.
func TestListStaysInOrder(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{Newest, ByName, Insertion, Updated} {
		w := NewWorld()
		w.AddRepo(Repo{Name: "r", Order: order})
		w.Fill("r", 300)
		hook := Drift{Seed: 7, Repo: "r", Changes: 3}.Hook(w)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 500 {
			hook(Request{Action: "GetRepoImage", Repo: "r"})
			if i%50 == 0 {
				w.Fill("r", 100) // replaces in bulk
				w.SetTime(w.Now().Add(time.Duration(rng.IntN(100)) * time.Second))
			}
		}
		s := w.repos["r"]
		if !slices.IsSortedFunc(s.rows, s.compare) || len(s.rows) != len(s.byName) {
			t.Errorf("order %d: not in order, or %d rows for %d names", order, len(s.rows), len(s.byName))
		}
		for _, r := range s.rows {
			if s.byName[r.Name] != r {
				t.Errorf("order %d: %s is in the list but not the one known by its name", order, r.Name)
			}
		}
	}
}

func TestChangesReachTheTruth(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.PutImages("r", Image{Name: "a", Pulls: 5, Tag: "v1"})
	ok := w.Pull("r", "a", 3) && w.Push("r", "a", "v2")
	if got, _ := w.Image("r", "a"); !ok || got.Pulls != 8 || got.Tag != "v2" {
		t.Errorf("got %+v", got)
	}
	w.SetCount("r", "a", 1)
	if got, _ := w.Image("r", "a"); got.Pulls != 1 {
		t.Errorf("got %+v", got)
	}
	if w.Pull("r", "b", 1) || w.Pull("q", "a", 1) || w.RemoveImage("r", "b") || w.RemoveRepo("q") || w.Swap("r", "a", "b") {
		t.Error("changed what is not there")
	}
	w.PutImages("r", Image{Name: "null", Row: "null"})
	if got := w.Images("r"); len(got) != 1 {
		t.Errorf("verbatim rows are none of the truth: %v", got)
	}
	if got := w.Repos(); len(got) != 1 || got[0].Name != "r" || got[0].ProjectID != DefaultProject {
		t.Errorf("got %+v", got)
	}
}

// For the race detector: everything at once.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.Fill("r", 500)
	srv := serve(t, w, Before(Drift{Seed: 1}.Hook(w)), FaultFunc(sometimes))
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 15 {
				switch g {
				case 0:
					imagesAt(t, srv, "r", i*20, 20)
				case 1:
					srv.Set(WithWire(Wire{Pretty: i%2 == 0}), Faults(Rule{Every: 3, Do: truth}), RequireHeader("x", ""))
					w.UpdateRepo("r", func(r *Repo) { r.Order = Order(i % 4); r.Shared = i%2 == 0 })
				case 2:
					decode(t, ask(t, srv, params{"Action": "GetRepo", "Type": "private"}))
					_, _ = srv.Stats(), srv.Log()
				default:
					w.Pull("r", "img-00003", 1)
					w.SetTime(w.Now().Add(time.Second))
					_ = w.Images("r")
				}
			}
		})
	}
	all.Wait()
	if got := srv.Stats(); got.Requests != 30 || got.InFlight != 0 {
		t.Errorf("got %+v", got)
	}
}

// A page of a hundred thousand images must cost no more than its rows.
func BenchmarkPage(b *testing.B) {
	w := NewWorld()
	w.Fill("r", 100_000)
	s := &settings{}
	a := w.accounts[0]
	for i := 0; b.Loop(); i++ {
		w.PutImages("r", Image{Name: "new-" + strconv.Itoa(i%100)})
		reply := s.ask(w, a, params{"Action": "GetRepoImage", "RepoName": "r", "Offset": strconv.Itoa(cmp.Or(i*997%99_000, 1)), "Limit": "100"})
		if len(reply.encode(i)) < 1000 {
			b.Fatal("no page")
		}
	}
}

// truth is a fault that answers what the API would.
func truth(w http.ResponseWriter, _ *http.Request, answer []byte) { _, _ = w.Write(answer) }

// sometimes lets every fifth call be answered by a fault.
func sometimes(q Request) Fault {
	if q.N%5 == 0 {
		return truth
	}
	return nil
}
