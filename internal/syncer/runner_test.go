package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncer/internal/registry"
)

func TestEveryRepoIsReadAndAppliedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(numbered(100)...)
	f.opt.Shard, f.opt.Shards = 0, 1
	var progress []int
	f.opt.Progress = func(done, total int) { progress = append(progress, done, total) }
	var each []string
	f.opt.Each = func(r registry.RepoSync) { each = append(each, r.Repo.Key.Name) }
	res := f.mustRun(t)

	if d := cmp.Diff(numbered(100), f.applied()); d != "" {
		t.Errorf("applied (-want +got)\n%s", d)
	}
	want := registry.RunSummary{Status: registry.RunOK, FinishedAt: f.opt.Now(), OK: 100, Seen: 100, New: 100, HistoryRows: 200,
		Traffic: registry.Traffic{Requests: 100}}
	if d := cmp.Diff([]registry.RunSummary{want}, f.sink.finished); d != "" {
		t.Errorf("finished (-want +got)\n%s", d)
	}
	if res.RunID != 7 || res.Outcome != Complete || res.Planned != 100 || res.Undone != 0 || f.sink.closed != 1 {
		t.Errorf("result %+v, closed %d times", res, f.sink.closed)
	}
	if d := cmp.Diff(NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "v1", StartedAt: f.opt.Now()}, f.sink.run); d != "" {
		t.Errorf("run (-want +got)\n%s", d)
	}
	if !slices.Equal(progress[:2], []int{0, 100}) || !slices.Equal(progress[len(progress)-2:], []int{100, 100}) || len(each) != 100 {
		t.Errorf("progress %v, told of %d repos", progress, len(each))
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tt := range []struct {
		name   string
		change func(f *fixture)
		want   Outcome
		status registry.RunStatus
		repos  map[string]registry.RepoStatus // other than ok
		text   string                         // in the record's error
	}{
		{"all well", func(*fixture) {}, Complete, registry.RunOK, nil, ""},
		{"no repos", func(f *fixture) { f.sources[0].repos = nil }, Complete, registry.RunOK, nil, ""},
		{"one fails", func(f *fixture) { f.sources[0].errs = map[string]error{"b": broken} }, Partial, registry.RunPartial,
			map[string]registry.RepoStatus{"b": "failed"}, "first failure: read repo \"b\": broken"},
		{"all fail", func(f *fixture) {
			f.sources[0].errs = map[string]error{"a": broken, "b": broken, "c": broken, "d": broken}
		}, Partial,
			registry.RunFailed, map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed", "d": "failed"}, "first failure: "},
		{"one cannot be written", func(f *fixture) { f.sink.statuses = map[string]registry.RepoStatus{"b": "failed"} }, Partial,
			registry.RunPartial, map[string]registry.RepoStatus{"b": "failed"}, "first failure: "},
		{"one drifts", func(f *fixture) { f.sink.statuses = map[string]registry.RepoStatus{"b": "drifting"} }, Partial,
			registry.RunPartial, map[string]registry.RepoStatus{"b": "drifting"}, ""},
		{"all are held back", func(f *fixture) {
			f.sink.statuses = map[string]registry.RepoStatus{"a": "held", "b": "held", "c": "held", "d": "held"}
		}, Partial, registry.RunPartial, map[string]registry.RepoStatus{"a": "held", "b": "held", "c": "held", "d": "held"}, ""},
		{"some are locked", func(f *fixture) { f.sink.held = map[string]bool{"a": true, "c": true} }, Complete, registry.RunOK,
			map[string]registry.RepoStatus{"a": "locked", "c": "locked"}, ""},
		{"all are locked", func(f *fixture) { f.sink.held = map[string]bool{"a": true, "b": true, "c": true, "d": true} }, Complete,
			registry.RunOK, map[string]registry.RepoStatus{"a": "locked", "b": "locked", "c": "locked", "d": "locked"}, ""},
		{"credentials refused", func(f *fixture) { f.sources[0].errs = map[string]error{"a": registry.ErrRefused} }, Refused, registry.RunFailed,
			map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed", "d": "failed"}, "credentials refused"},
		{"credentials refused late", func(f *fixture) { f.sources[0].errs = map[string]error{"c": registry.ErrRefused} }, Partial, registry.RunPartial,
			map[string]registry.RepoStatus{"c": "failed", "d": "failed"}, "credentials refused"},
		{"project refused", func(f *fixture) {
			f.sources[0].repos[3].ProjectID = "other"
			f.sources[0].errs = map[string]error{"a": registry.ErrProjectRefused}
		}, Partial, registry.RunPartial, map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed"}, "project refused"},
		{"only project refused", func(f *fixture) { f.sources[0].errs = map[string]error{"a": registry.ErrProjectRefused} }, Refused,
			registry.RunFailed, map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed", "d": "failed"}, ""},
		{"registry down", func(f *fixture) { f.sources[0].errs = map[string]error{"a": registry.ErrUnavailable} }, Unavailable, registry.RunFailed,
			map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed", "d": "failed"}, "registry unavailable"},
		{"registry goes down", func(f *fixture) { f.sources[0].errs = map[string]error{"b": registry.ErrUnavailable} }, Partial, registry.RunPartial,
			map[string]registry.RepoStatus{"b": "failed", "c": "failed", "d": "failed"}, ""},
		{"listing refused", func(f *fixture) { f.sources[0].repos, f.sources[0].listErr = nil, registry.ErrRefused }, Refused, registry.RunFailed,
			nil, `list repos of source "default": credentials refused`},
		{"listing impossible", func(f *fixture) { f.sources[0].repos, f.sources[0].listErr = nil, registry.ErrUnavailable }, Unavailable,
			registry.RunFailed, nil, "registry unavailable"},
		{"listing broken", func(f *fixture) { f.sources[0].repos, f.sources[0].listErr = nil, broken }, Partial, registry.RunFailed, nil, "broken"},
		{"listing of one project refused", func(f *fixture) { f.sources[0].listErr = registry.ErrProjectRefused }, Partial, registry.RunPartial, nil, "project"},
		{"one of two sources refused", func(f *fixture) {
			f.sources = append(f.sources, &fakeSource{name: "other", repos: repos("other", "x", "y"), errs: map[string]error{"x": registry.ErrRefused}})
		}, Partial, registry.RunPartial, map[string]registry.RepoStatus{"x": "failed", "y": "failed"}, ""},
		{"one of two sources refused and the other's repos locked", func(f *fixture) {
			f.sources = append(f.sources, &fakeSource{name: "other", repos: repos("other", "x"), errs: map[string]error{"x": registry.ErrRefused}})
			f.sink.held = map[string]bool{"a": true, "b": true, "c": true, "d": true}
		}, Refused, registry.RunFailed, map[string]registry.RepoStatus{"a": "locked", "b": "locked", "c": "locked", "d": "locked", "x": "failed"}, ""},
		{"failures within the tolerance", func(f *fixture) {
			f.opt.MaxFailed = Tolerance{Repos: 1}
			f.sources[0].errs = map[string]error{"b": broken}
		}, Complete, registry.RunPartial, map[string]registry.RepoStatus{"b": "failed"}, "first failure: "},
		{"failures within the share", func(f *fixture) {
			f.opt.MaxFailed = Tolerance{Percent: 50}
			f.sources[0].errs = map[string]error{"b": broken, "c": broken}
		}, Complete, registry.RunPartial, map[string]registry.RepoStatus{"b": "failed", "c": "failed"}, ""},
		{"failures beyond the share of those not locked", func(f *fixture) {
			f.opt.MaxFailed = Tolerance{Percent: 25}
			f.sources[0].errs = map[string]error{"b": broken}
			f.sink.held = map[string]bool{"a": true}
		}, Partial, registry.RunPartial, map[string]registry.RepoStatus{"a": "locked", "b": "failed"}, ""},
		{"refused within the tolerance", func(f *fixture) {
			f.opt.MaxFailed = Tolerance{Repos: 9}
			f.sources[0].errs = map[string]error{"a": registry.ErrRefused}
		}, Refused, registry.RunFailed, map[string]registry.RepoStatus{"a": "failed", "b": "failed", "c": "failed", "d": "failed"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture("a", "b", "c", "d")
			f.readers = 1 // so that it is known which repo is read before which
			tt.change(f)
			res := f.mustRun(t)
			if res.Outcome != tt.want || res.Summary.Status != tt.status || res.Undone != 0 {
				t.Errorf("outcome %d, status %s, undone %d; want %d, %s, 0", res.Outcome, res.Summary.Status, res.Undone, tt.want, tt.status)
			}
			if !strings.Contains(res.Summary.Error, tt.text) || (tt.text == "" && tt.status == registry.RunOK && res.Summary.Error != "") {
				t.Errorf("error %q, want %q in it", res.Summary.Error, tt.text)
			}
			for name, status := range f.sink.results {
				want := tt.repos[name]
				if want == "" {
					want = registry.RepoOK
				}
				if status != want {
					t.Errorf("repo %s is %s, want %s", name, status, want)
				}
			}
			if len(f.sink.results) != res.Planned {
				t.Errorf("%d repos have an outcome, %d were planned", len(f.sink.results), res.Planned)
			}
		})
	}
}

func TestAGoneRepoIsToldApart(t *testing.T) {
	t.Parallel()
	f := newFixture("a", "b", "c")
	f.sources[0].errs = map[string]error{"a": errors.New("not found"), "b": registry.ErrRepoGone}
	f.mustRun(t)
	if d := cmp.Diff([]string{"b"}, f.sink.gone); d != "" {
		t.Errorf("gone (-want +got)\n%s", d)
	}
}

func TestAKnownRepoThatIsNotListedIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	f := newFixture("a", "b")
	f.sink.known = known(repos("default", "b", "turned-public", "deleted")...)
	f.sources[0].errs = map[string]error{"deleted": registry.ErrRepoGone}
	res := f.mustRun(t)
	if d := cmp.Diff([]string{"a", "b", "turned-public"}, f.applied()); d != "" {
		t.Errorf("applied (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"deleted"}, f.sink.gone); d != "" || res.Outcome != Partial {
		t.Errorf("gone, outcome %v (-want +got)\n%s", res.Outcome, d)
	}
}

func TestDatabaseErrorsEndTheRun(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"begin", "claim", "apply", "record", "finish"} {
		f := newFixture(numbered(4 * groupRepos)...)
		f.sink.failOn = method
		f.sources[0].errs = map[string]error{"r0000": errors.New("broken")}
		_, err := f.run(t.Context())
		if !errors.Is(err, errDatabase) {
			t.Errorf("%s: %v, want the database's error", method, err)
		}
		if method == "claim" || method == "apply" || method == "record" {
			if len(f.sink.finished) != 1 || f.sink.finished[0].Status != registry.RunFailed || f.sink.closed != 1 {
				t.Errorf("%s: record closed as %+v", method, f.sink.finished)
			}
			if len(f.sources[0].reads) > 2*groupRepos {
				t.Errorf("%s: %d repos were read", method, len(f.sources[0].reads))
			}
		}
	}
}

func TestFailOnLocked(t *testing.T) {
	t.Parallel()
	f := newFixture("a", "b")
	f.opt.FailOnLocked = true
	f.sink.held = map[string]bool{"b": true}
	_, err := f.run(t.Context())
	if !errors.Is(err, ErrLocked) || err.Error() != "repo default/b: held by another run" || f.sink.finished[0].Status != registry.RunFailed {
		t.Errorf("error %v, finished %+v", err, f.sink.finished)
	}
}

func TestCancelledAnywhere(t *testing.T) {
	t.Parallel()
	whole := newFixture(numbered(40)...)
	var steps atomic.Int64
	whole.step = func() { steps.Add(1) }
	whole.mustRun(t)
	interrupted := 0
	for at := int64(1); at <= steps.Load(); at++ {
		f := newFixture(numbered(40)...)
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("told to stop")
		var n atomic.Int64
		f.step = func() {
			if n.Add(1) == at {
				cancel(cause)
			}
		}
		res, err := f.run(ctx)
		cancel(nil)
		switch {
		case err == nil:
			if res.Undone != 0 || res.Outcome != Complete {
				t.Errorf("step %d: no error, yet %d undone, outcome %d", at, res.Undone, res.Outcome)
			}
			continue
		case !errors.Is(err, cause):
			t.Errorf("step %d: %v, want the cause", at, err)
		}
		interrupted++
		if len(f.sink.finished) != 1 || f.sink.finished[0].Status != registry.RunAborted || f.sink.finished[0].Failed != 0 {
			t.Errorf("step %d: finished %+v", at, f.sink.finished)
		}
		if got := len(f.applied()); res.Planned != 0 && got != res.Planned-res.Undone {
			t.Errorf("step %d: %d applied, %d planned, %d undone", at, got, res.Planned, res.Undone)
		}
	}
	if interrupted < 40 {
		t.Errorf("only %d of %d runs were interrupted", interrupted, steps.Load())
	}
}

func TestGroupsGatherWhileWritingAndMemoryIsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(numbered(300)...)
		f.readers = 2
		f.sources[0].images = map[string]int{"r0150": groupImages + 1}
		f.sink.applying = make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := f.run(t.Context())
			done <- err
		}()
		for {
			synctest.Wait()
			f.sources[0].mu.Lock()
			read := len(f.sources[0].reads)
			f.sources[0].mu.Unlock()
			if waiting := read - len(f.applied()); waiting > 2*groupRepos+f.readers {
				t.Fatalf("%d repos are read and not applied", waiting)
			}
			select {
			case f.sink.applying <- struct{}{}:
				continue
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
			}
			break
		}
		if d := cmp.Diff(numbered(300), f.applied()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		for _, group := range f.sink.groups {
			if len(group) > groupRepos || (slices.Contains(group, "r0150") && len(group) > 1) {
				t.Errorf("group of %d: %v", len(group), group)
			}
		}
		if len(f.sink.groups) > 10 {
			t.Errorf("%d groups; small repos do not travel together", len(f.sink.groups))
		}
	})
}

func TestReposAreClaimedJustBeforeTheyAreRead(t *testing.T) {
	t.Parallel()
	f := newFixture(numbered(100)...)
	f.readers = 4
	var ahead int
	f.step = func() {
		f.sink.mu.Lock()
		defer f.sink.mu.Unlock()
		claimed := len(slices.Concat(f.sink.claims...))
		f.sources[0].mu.Lock()
		defer f.sources[0].mu.Unlock()
		ahead = max(ahead, claimed-len(f.sources[0].reads))
	}
	f.mustRun(t)
	if ahead > 2*f.readers || len(f.sink.claims) != 100/f.readers {
		t.Errorf("%d repos were claimed ahead of reading, in %d claims", ahead, len(f.sink.claims))
	}
}

func TestWhatWasNotReadForLongestIsReadFirst(t *testing.T) {
	t.Parallel()
	f := newFixture("a", "b", "c", "d", "e")
	f.readers = 1
	f.sink.known = known(repos("default", "a", "b", "c", "e", "unlisted")...)
	at := func(hour int) time.Time { return f.opt.Now().Add(time.Duration(hour) * time.Hour) }
	f.sink.known[0].LastComplete, f.sink.known[1].LastComplete, f.sink.known[3].LastComplete, f.sink.known[4].LastComplete = at(3), at(1), at(2), at(0)
	f.mustRun(t)
	if d := cmp.Diff([]string{"c", "d", "unlisted", "b", "e", "a"}, f.sources[0].reads); d != "" {
		t.Errorf("read (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"a", "b", "e", "unlisted"}, keys(f.sources[0].good)); d != "" {
		t.Errorf("to be asked when in doubt (-want +got)\n%s", d)
	}
}

func keys(repos []registry.Repo) (names []string) {
	for _, repo := range repos {
		names = append(names, repo.Key.Name)
	}
	return names
}

// TestHeldReposAreReadWhenTheyGetFree lets other runs hold most repos: for a while, or for ever.
func TestHeldReposAreReadWhenTheyGetFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(numbered(40)...)
		f.opt.HeldWait, f.opt.Now = 30*time.Second, time.Now
		f.sink.heldUntil = map[string]time.Time{"r0007": time.Now().Add(time.Hour)}
		for i, name := range numbered(20) { // each gets free before the wait for the one before it is over
			if name != "r0007" {
				f.sink.heldUntil[name] = time.Now().Add(time.Duration(i) * 10 * time.Second)
			}
		}
		begun := time.Now()
		res := f.mustRun(t)
		if res.Summary.OK != 39 || res.Summary.Locked != 1 || f.sink.results["r0007"] != registry.RepoLocked || res.Outcome != Complete {
			t.Errorf("result %+v", res)
		}
		if took := time.Since(begun); took < 19*10*time.Second || took > 19*10*time.Second+time.Minute {
			t.Errorf("took %v", took)
		}
		if len(f.sink.claims) > 500 {
			t.Errorf("%d claims", len(f.sink.claims))
		}
		if f.opt.HeldWait, f.sink.groups = 0, nil; f.mustRun(t).Summary.Locked != 1 {
			t.Error("a run that does not wait")
		}
	})
}

func TestShardsShareTheRepos(t *testing.T) {
	t.Parallel()
	var all []string
	for shard := range 4 {
		f := newFixture(numbered(200)...)
		f.opt.Shard, f.opt.Shards = shard, 4
		res := f.mustRun(t)
		if res.Planned < 20 || f.sink.run.Shard[2:] != "4" {
			t.Errorf("shard %d of %s has %d repos", shard, f.sink.run.Shard, res.Planned)
		}
		all = append(all, f.applied()...)
	}
	slices.Sort(all)
	if d := cmp.Diff(numbered(200), all); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestOnlyNamedRepos(t *testing.T) {
	t.Parallel()
	f := newFixture("a", "b", "x")
	f.sources = append(f.sources, &fakeSource{name: "other", repos: repos("other", "x", "y", "y")})
	f.opt.Only = []string{"b", "other/x", "y"}
	f.opt.MassDelete = []string{"other/y"}
	f.mustRun(t)
	if d := cmp.Diff([]string{"b", "x", "y"}, f.applied()); d != "" {
		t.Errorf("applied (-want +got)\n%s", d)
	}
	if d := cmp.Diff([]string{"y"}, f.sink.allowed); d != "" {
		t.Errorf("mass deletion allowed (-want +got)\n%s", d)
	}
	if len(f.sources[0].reads) != 1 {
		t.Errorf("source default read %v", f.sources[0].reads)
	}

	f = newFixture("a")
	f.opt.Only = []string{"a", "elsewhere/a"}
	if _, err := f.run(t.Context()); !errors.Is(err, ErrUnknownRepo) || !strings.Contains(err.Error(), `"elsewhere/a"`) {
		t.Errorf("unknown repo: %v", err)
	}
	if f.sink.results != nil || len(f.sink.finished) > 0 {
		t.Error("a typing error has the record of a run")
	}
}

func TestOneEventPerRepoAndOnePerRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := newFixture("a", "b", "c")
	f.readers = 1
	f.sources[0].errs = map[string]error{"b": errors.New("broken")}
	f.opt.Logger = slog.New(slog.NewJSONHandler(&out, nil))
	f.mustRun(t)
	var got []map[string]any
	for dec := json.NewDecoder(&out); dec.More(); {
		var event map[string]any
		if err := dec.Decode(&event); err != nil {
			t.Fatal(err)
		}
		got = append(got, event)
	}
	slices.SortStableFunc(got, func(a, b map[string]any) int { return strings.Compare(text(a["repo"]), text(b["repo"])) })
	want := []map[string]any{
		{"level": "WARN", "msg": "run finished", "run_id": 7.0, "status": "partial", "ok": 2.0, "failed": 1.0},
		{"level": "INFO", "msg": "repo synced", "run_id": 7.0, "repo": "a", "status": "ok", "rejected_row": `"bad": no name`},
		{"level": "ERROR", "msg": "repo synced", "run_id": 7.0, "repo": "b", "status": "failed", "error": `read repo "b": broken`},
		{"level": "INFO", "msg": "repo synced", "run_id": 7.0, "repo": "c", "status": "ok", "rejected_row": `"bad": no name`},
	}
	keys := []string{"level", "msg", "run_id", "repo", "status", "ok", "failed", "error", "rejected_row"}
	rest := cmpopts.IgnoreMapEntries(func(k string, _ any) bool { return !slices.Contains(keys, k) })
	if d := cmp.Diff(want, got, rest); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func text(v any) string { s, _ := v.(string); return s }

func TestParseTolerance(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Tolerance{"0": {}, "3": {Repos: 3}, "5%": {Percent: 5}, "0.5%": {Percent: 0.5}} {
		if got, err := ParseTolerance(text); got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "x", "101%", "%", "NaN%", "1.5"} {
		if got, err := ParseTolerance(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}
