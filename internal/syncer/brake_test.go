package syncer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
)

// What a run does about known repos that a complete listing does not hold.
func TestTheBrakeForRepos(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		known, gone int    // the first of them are gone
		absent      int    // and so many more were, when other shards or runs met them
		release     string // what --allow-mass-delete names
		held        bool
	}{
		"two of three":                    {known: 3, gone: 2},
		"two of two":                      {known: 2, gone: 2, held: true},
		"the only one":                    {known: 1, gone: 1, held: true},
		"three of five":                   {known: 5, gone: 3, held: true},
		"fifteen percent":                 {known: 100, gone: 15},
		"more than that":                  {known: 100, gone: 16, held: true},
		"one here and two elsewhere":      {known: 10, gone: 1, absent: 2, held: true},
		"one here and one elsewhere":      {known: 10, gone: 1, absent: 1},
		"all, released":                   {known: 5, gone: 5, release: "default/*"},
		"one, released by its name":       {known: 1, gone: 1, release: "r0000"},
		"another is released":             {known: 5, gone: 5, release: "r0001", held: true},
		"all of another source, released": {known: 5, gone: 5, release: "other/*", held: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(numbered(tt.known - tt.absent)...) // those of other shards are not read here
			f.sources = append(f.sources, &fakeSource{name: "other", repos: repos("other", "x")})
			f.sink.known = known(repos("default", numbered(tt.known)...)...)
			for i := range f.sink.known {
				f.sink.known[i].Absent = i >= tt.known-tt.absent
			}
			f.opt.Only = numbered(tt.known - tt.absent)
			f.sources[0].errs = map[string]error{}
			for _, gone := range numbered(tt.gone) {
				f.sources[0].errs[gone] = registry.ErrRepoGone
			}
			if tt.release != "" {
				f.opt.MassDelete = []string{tt.release}
			}
			res := f.mustRun(t)
			if res.Outcome != Partial {
				t.Errorf("outcome %v", res.Outcome)
			}
			for _, gone := range numbered(tt.gone) {
				want := registry.RepoFailed
				if tt.held && !slices.Contains(f.opt.MassDelete, gone) {
					want = registry.RepoHeld
				}
				if got := f.sink.results[gone]; got != want {
					t.Errorf("%s is %s, want %s", gone, got, want)
				}
			}
			told := strings.Contains(res.Summary.Error, `source "default" is held`) && strings.Contains(res.Summary.Error, "--allow-mass-delete 'default/*'")
			if told != tt.held {
				t.Errorf("the run says %q", res.Summary.Error)
			}
			if released := len(f.sink.released) > 0; released != (tt.release != "" && tt.release != "other/*") {
				t.Errorf("released %v", f.sink.released)
			}
		})
	}
}

// The brake must not depend on how many repos happen to be written together.
func TestTheBrakeCountsTheWholeRun(t *testing.T) {
	t.Parallel()
	f := newFixture(numbered(3 * groupRepos)...)
	f.sink.known = known(f.sources[0].repos...)
	f.sources[0].errs = map[string]error{}
	for i, name := range numbered(3 * groupRepos) {
		if i%5 == 0 {
			f.sources[0].errs[name] = registry.ErrRepoGone
		}
	}
	if res := f.mustRun(t); res.Summary.Held != 300 || res.Summary.OK != 1200 || res.Summary.Failed != 0 || len(f.sink.released) != 0 {
		t.Errorf("%+v", res.Summary)
	}
}

func TestKnownReposOfAnotherProject(t *testing.T) {
	t.Parallel()
	foreign := func(n int) []registry.KnownRepo {
		list := known(repos("default", numbered(n)...)...)
		for i := range list {
			list[i].ProjectID = "org-1"
		}
		return list
	}
	for name, tt := range map[string]struct {
		foreign int
		listed  []string
		release []string
		only    []string
		held    int
		named   []string // nil: nobody is told
	}{
		"five, and nothing else":     {foreign: 5, held: 5, named: numbered(5)},
		"one, and nothing else":      {foreign: 1, held: 1, named: numbered(1)},
		"three beside others":        {foreign: 3, listed: []string{"a", "b"}, held: 3, named: append([]string{"a", "b"}, numbered(3)...)},
		"two beside others":          {foreign: 2, listed: []string{"a", "b"}, named: []string{"a", "b"}},
		"released":                   {foreign: 5, release: []string{"default/*"}, named: []string{}},
		"released one by one":        {foreign: 3, release: numbered(3), listed: []string{"a"}, named: []string{"a"}},
		"a run of one repo":          {foreign: 5, listed: []string{"a", "b"}, only: []string{"a"}},
		"some released, the rest is": {foreign: 5, release: numbered(3), listed: []string{"a"}, named: append([]string{"a"}, numbered(5)[3:]...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(tt.listed...)
			f.sink.known = append(foreign(tt.foreign), known(f.sources[0].repos...)...)
			f.opt.MassDelete, f.opt.Only = tt.release, tt.only
			if name == "some released, the rest is" { // two of six: within the limit, so not held and not named
				tt.named = []string{"a"}
			}
			res := f.mustRun(t)
			if want := map[bool]Outcome{true: Partial, false: Complete}[tt.held > 0]; res.Outcome != want || res.Summary.Held != tt.held {
				t.Errorf("outcome %v, held %d, want %v, %d: %s", res.Outcome, res.Summary.Held, want, tt.held, res.Summary.Error)
			}
			if tt.held > 0 && (res.Summary.Status != registry.RunPartial || !strings.Contains(res.Summary.Error, "org-1")) {
				t.Errorf("%s: %s", res.Summary.Status, res.Summary.Error)
			}
			var named [][]string
			if tt.named != nil {
				named = [][]string{tt.named}
			}
			for i := range f.sink.named {
				f.sink.named[i] = append([]string{}, f.sink.named[i]...)
			}
			if d := cmp.Diff(named, f.sink.named); d != "" {
				t.Errorf("configured (-want +got)\n%s", d)
			}
		})
	}
}

// A list that is suddenly empty is told even when the repos it should hold answer, and none of them can leave meanwhile.
func TestAnEmptyListOfRepos(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.sink.known = known(repos("default", numbered(20)...)...)
	f.sources[0].errs = map[string]error{"r0000": registry.ErrRepoGone}
	res := f.mustRun(t)
	if res.Outcome != Partial || res.Summary.OK != 19 || res.Summary.Held != 1 || !strings.Contains(res.Summary.Error, "is empty although 20 are known") {
		t.Errorf("%+v", res)
	}
	f.opt.MassDelete = []string{"default/*"}
	if res := f.mustRun(t); res.Summary.Held != 0 || !slices.Equal(f.sink.released, []string{"r0000"}) {
		t.Errorf("%+v", res)
	}
}

// A list that could not be understood proves nothing about the repos that it lacks.
func TestAListThatIsNotUnderstoodProvesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture("a")
	f.sources[0].listErr = errors.New("2 rows cannot be used")
	f.sink.known = known(repos("default", numbered(9)...)...)
	res := f.mustRun(t)
	if res.Outcome != Partial || len(f.sink.named) != 0 || res.Summary.Held != 0 || res.Summary.OK != 1 {
		t.Errorf("%+v, configured %v", res, f.sink.named)
	}
}

func TestAKnownRepoMayBeReleased(t *testing.T) {
	t.Parallel()
	f := newFixture("a")
	f.sink.known = known(repos("default", "left", "other")...)
	f.sources[0].errs = map[string]error{"left": registry.ErrRepoGone}
	for _, name := range []string{"left", "default/left", "default/*"} {
		f.opt.MassDelete = []string{name}
		if res := f.mustRun(t); res.Outcome != Partial {
			t.Errorf("%s: %+v", name, res)
		}
	}
	f.opt.MassDelete = []string{"lfet"}
	if _, err := f.run(t.Context()); !errors.Is(err, ErrUnknownRepo) {
		t.Errorf("a typing error: %v", err)
	}
}

func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]string{
		0: "", MaxSkew: "", -MaxSkew: "", time.Hour: "1h0m0s behind", -30 * 24 * time.Hour: "720h0m0s ahead of",
	} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			t.Parallel()
			f := newFixture("a")
			f.sources[0].skew = skew
			res := f.mustRun(t)
			if (want == "") != (len(res.Warnings) == 0) || !strings.Contains(strings.Join(res.Warnings, ""), want) || res.Outcome != Complete {
				t.Errorf("%q, outcome %v", res.Warnings, res.Outcome)
			}
		})
	}
}
