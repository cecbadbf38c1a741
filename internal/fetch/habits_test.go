package fetch

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/registry"
)

// readWhole reads repos one after the other through one source. Each must be complete.
func readWhole(t *testing.T, s *Source, world *fakeapi.World, names ...string) {
	t.Helper()
	for _, name := range names {
		snap, err := s.Read(t.Context(), repo(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(truth(world, name), counts(snap.Images)); diff != "" || snap.Evidence != registry.Complete {
			t.Errorf("%s: %d images, evidence %v, (-want +got):\n%s", name, len(snap.Images), snap.Evidence, diff)
		}
	}
}

func filled(lengths map[string]int) *fakeapi.World {
	world := fakeapi.NewWorld()
	for name, n := range lengths {
		world.AddRepo(fakeapi.Repo{Name: name})
		world.Fill(name, n)
	}
	return world
}

// TestRepoOfJustTheCut reads a repo of as many images as the server gives at a time, and then longer ones.
func TestRepoOfJustTheCut(t *testing.T) {
	t.Parallel()
	for name, total := range map[string]fakeapi.Totals{"missing": fakeapi.TotalMissing, "of the page": fakeapi.TotalPage, "zero": fakeapi.TotalZero} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := filled(map[string]int{"a": 20, "b": 50, "c": 257, "d": 21, "e": 20})
			s := directly(t, world, fakeapi.WithPaging(fakeapi.Paging{Clamp: 20}), fakeapi.WithWire(fakeapi.Wire{Totals: total}))
			s.opts.Concurrency = 1
			readWhole(t, s, world, "a", "b", "c", "d", "e")
		})
	}
}

// TestOneActionVouchesForNoOther lists repos with honest long pages and reads images in short ones that lie.
func TestOneActionVouchesForNoOther(t *testing.T) {
	t.Parallel()
	world := fakeapi.NewWorld()
	var names []string
	for i := range 25 {
		name := fmt.Sprintf("r%02d", i)
		names = append(names, name)
		world.AddRepo(fakeapi.Repo{Name: name, Paging: &fakeapi.Paging{Clamp: 20}, Wire: &fakeapi.Wire{Totals: fakeapi.TotalPage}})
		world.Fill(name, 45)
	}
	s := directly(t, world)
	s.opts.Projects = []Project{{Discover: DiscoverPrivate}}
	for range 2 {
		if repos, err := s.Repos(t.Context()); err != nil || len(repos) != 25 {
			t.Fatalf("%d repos: %v", len(repos), err)
		}
		readWhole(t, s, world, names...)
	}
}

// TestServerChangesBetweenRuns lets a daemon's server begin to cut pages and to lie from one run to the next.
func TestServerChangesBetweenRuns(t *testing.T) {
	t.Parallel()
	world := filled(map[string]int{"a": 20, "b": 50, "c": 257, "d": 20})
	api := fakeapi.New(world)
	s := directly(t, world)
	s.client.Transport = direct{api}
	for range 3 {
		if _, err := s.Repos(t.Context()); err != nil {
			t.Fatal(err)
		}
		readWhole(t, s, world, "c", "a", "d", "b")
		api.Set(fakeapi.WithPaging(fakeapi.Paging{Clamp: 20}), fakeapi.WithWire(fakeapi.Wire{Totals: fakeapi.TotalPage}))
	}
}

// TestPageSizeIsLearnedForEachAction refuses pages of more than 50 images, but not of repos; then lowers the maximum under a running daemon.
func TestPageSizeIsLearnedForEachAction(t *testing.T) {
	t.Parallel()
	world := filled(map[string]int{"a": 20, "b": 150, "c": 257})
	most := 50
	s := directly(t, world, fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
		if q.Action == actionImages && q.Limit > most {
			return faults.RetCode(230, "Params [Limit] not available")
		}
		return nil
	}))
	s.opts.Projects = []Project{{Discover: DiscoverPrivate}}
	for run := range 3 {
		if repos, err := s.Repos(t.Context()); err != nil || len(repos) != 3 {
			t.Fatalf("%d repos: %v", len(repos), err)
		}
		readWhole(t, s, world, "a", "b", "c")
		if run == 0 {
			most = 30 // in the middle of the run
			readWhole(t, s, world, "c", "b", "a")
		}
	}
}

// refusals are ways to say that a value of a call is out of range.
var refusals = map[string]fakeapi.Fault{
	"230": faults.RetCode(230, "Params [Offset] not available"), "240": faults.RetCode(240, "no"), "220": faults.RetCode(220, "no"),
	"214001": faults.RetCode(214001, "no"), "product's code": faults.RetCode(8039, "no"),
	"bad request": faults.HTTPStatus(400), "range": faults.HTTPStatus(416), "unprocessable": faults.HTTPStatus(422),
}

// TestRefusedBehindTheEnd reads from a server that refuses an offset that no row has.
func TestRefusedBehindTheEnd(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		for _, totals := range []fakeapi.Totals{fakeapi.TotalInt, fakeapi.TotalMissing} {
			t.Run(fmt.Sprint(name, totals), func(t *testing.T) {
				t.Parallel()
				lengths := map[string]int{"a": 1, "b": 2, "c": 100, "d": 250, "e": 1}
				world := filled(lengths)
				s := directly(t, world, fakeapi.WithWire(fakeapi.Wire{Totals: totals}), fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
					if q.Action == actionImages && q.Offset >= lengths[q.Repo] || q.Action == actionRepos && q.Offset >= len(lengths) {
						return refusal
					}
					return nil
				}))
				readWhole(t, s, world, "a", "b", "c", "d", "e")
			})
		}
	}
}

// TestRefusedPageSize reads from a server that takes no more than 50 rows a page, whatever it says when it is asked for more.
func TestRefusedPageSize(t *testing.T) {
	t.Parallel()
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := filled(map[string]int{"a": 1, "b": 60, "c": 250})
			s := directly(t, world, fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
				if q.Limit > 50 {
					return refusal
				}
				return nil
			}))
			readWhole(t, s, world, "a", "b", "c")
		})
	}
}

// TestOffsetWindow reads a repo of which only the first rows are given. They are kept as presence, and the snapshot says why there are no more.
func TestOffsetWindow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses func(offset, limit int) bool
		code    int
		want    int
	}{
		"refuses what reaches beyond 300": {func(offset, limit int) bool { return offset+limit > 300 }, 230, 300},
		"does not know offsets above 250": {func(offset, _ int) bool { return offset > 250 }, 214001, 294},
		"breaks down behind 400":          {func(offset, _ int) bool { return offset > 400 }, 5999, 492},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := filled(map[string]int{"web": 500, "other": 20})
			s := directly(t, world, fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
				if q.Repo == "web" && test.refuses(q.Offset, q.Limit) {
					return faults.RetCode(test.code, "no")
				}
				return nil
			}))
			snap, err := s.Read(t.Context(), repo("web"))
			if err != nil {
				t.Fatal(err)
			}
			if len(snap.Images) < test.want || snap.Evidence != registry.Partial || !strings.Contains(snap.Unread, fmt.Sprintf("RetCode %d", test.code)) {
				t.Errorf("%d images, evidence %v, unread %q", len(snap.Images), snap.Evidence, snap.Unread)
			}
			readWhole(t, s, world, "other")
		})
	}
}

// TestManyRowsInALittleBody sends a body of a few kB that holds millions of rows. It concerns its repo alone, at one request.
func TestManyRowsInALittleBody(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(`{"RetCode":0,"TotalCount":9,"ImageSet":[` + strings.Repeat("{},", 5_000_000) + `{}]}`)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	world := filled(map[string]int{"web": 1, "other": 20})
	srv := serve(t, world, fakeapi.Faults(fakeapi.Rule{Repo: "web", Do: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}}))
	s := source(t, srv)
	_, err := s.Read(t.Context(), repo("web"))
	if err == nil || !strings.Contains(err.Error(), "more than 104857 rows") || errors.Is(err, registry.ErrUnavailable) {
		t.Errorf("%d bytes: error %v", packed.Len(), err)
	}
	if n := s.Traffic().Requests; n != 1 {
		t.Errorf("%d requests", n)
	}
	readWhole(t, s, world, "other")
}

// TestRowsOfReposThatAreOfNoUse lists repos among which some rows have no name.
func TestRowsOfReposThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	rows := []string{`"a"`, `{"RepoName":"b"}`, `{}`, `{"RepoName":"x\u0000y"}`, `null`}
	s := directly(t, fakeapi.NewWorld(), fakeapi.FaultFunc(func(q fakeapi.Request) fakeapi.Fault {
		return faults.Body(`{"RetCode":0,"TotalCount":5,"RepoSet":[` + strings.Join(rows[q.Offset:], ",") + `]}`)
	}))
	v, err := s.list(t.Context(), "", kindPrivate)
	if err != nil || v.Nameless != 3 || v.RejectedTotal != 3 || len(v.Images) != 2 {
		t.Errorf("%d nameless, %d rejections (%v), %d repos: %v", v.Nameless, v.RejectedTotal, v.Rejected, len(v.Images), err)
	}
}

// TestNamesThatAreOfNoUse reads a repo with an image whose name cannot be written down. What was read is not all there is.
func TestNamesThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"none": `{"PullCount":1}`, "NUL": `{"ImageName":"x\u0000y"}`, "too long": `{"ImageName":"` + strings.Repeat("x", 1100) + `"}`,
		"half a surrogate": `{"ImageName":"\ud800"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := filled(map[string]int{"web": 30})
			world.PutImages("web", fakeapi.Image{Name: "odd", Row: row})
			snap, err := directly(t, world).Read(t.Context(), repo("web"))
			if err != nil || len(snap.Images) != 30 || snap.Nameless != 1 || snap.RejectedTotal != 1 {
				t.Errorf("%d images, %d rows without a name, %d rejected: %v", len(snap.Images), snap.Nameless, snap.RejectedTotal, err)
			}
		})
	}
}
