package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// storyStart is in a time to come, so that reports end with the last look and not with today.
var storyStart = time.Date(2031, 3, 27, 5, 0, 0, 0, time.UTC)

// act is what a run does about one repo.
type act struct {
	snap    registry.Snapshot
	missed  bool // a complete listing does not hold the repo
	release bool // a person says that what vanished is gone
	held    bool // what the store must make of it
	moment  moment
}

func (a *act) at() time.Time { return a.snap.FinishedAt }

// story is all that happens to some repos: what runs do, in the order of time, and what archives hold of the same time.
type story struct {
	names   []string
	acts    []act
	archive []registry.Observation
	last    time.Time // day of the last look
}

// teller makes up the story of one repo.
type teller struct {
	*rand.Rand
	s       *story
	repo    string
	images  map[string]*registry.Image
	updates bool // the registry says when images were updated
	huge    bool
	plain   bool           // all counts can be read, and every image has a tag
	block   map[string]int // absence of images that vanish together
	blockIn bool
	absence int // of the repo itself
	seen    bool
	told    []sight // of images that looks saw, to copy from
}

const blockSize = 12 // more than may vanish at once

// tell makes up a story from a seed.
func tell(seed uint64) *story { return tellWith(seed, false) }

// tellPlain leaves out what an export cannot carry: counts that could not be read, that there was no tag, that a repo left the lists.
func tellPlain(seed uint64) *story { return tellWith(seed, true) }

func tellWith(seed uint64, plain bool) *story {
	r := rand.New(rand.NewPCG(seed, 14))
	s := &story{names: []string{"one", "two", "three"}[:1+r.IntN(3)]}
	for _, name := range s.names {
		t := &teller{Rand: r, s: s, plain: plain, repo: name, images: map[string]*registry.Image{}, updates: r.IntN(2) == 0, huge: r.IntN(8) == 0, blockIn: r.IntN(3) == 0, block: map[string]int{}}
		first := len(s.acts)
		t.runs(r.IntN(16))
		t.archives(s.acts[first:], r.IntN(25))
	}
	sort.SliceStable(s.acts, func(i, k int) bool { return s.acts[i].at().Before(s.acts[k].at()) })
	for i := range s.acts {
		if s.acts[i].moment.images != nil {
			s.last = later(s.last, s.acts[i].at())
		}
	}
	for i := range s.archive {
		s.last = later(s.last, s.archive[i].At)
	}
	s.last = dayOf(s.last)
	return s
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (t *teller) pick(list ...string) string { return list[t.IntN(len(list))] }

// wait is the time until the next look, hours mostly.
func (t *teller) wait() time.Duration {
	steps := []time.Duration{5 * time.Minute, time.Hour, time.Hour, 3 * time.Hour, 6 * time.Hour, 7 * time.Hour, 25 * time.Hour, 70 * time.Hour}
	return steps[t.IntN(len(steps))]
}

func (t *teller) runs(n int) {
	at := storyStart.Add(time.Duration(t.IntN(100)) * time.Minute)
	for range n {
		at = at.Add(t.wait())
		if t.IntN(7) == 0 && t.seen && !t.plain {
			t.leave(at)
			continue
		}
		t.look(at)
	}
}

// leave is a listing without the repo.
func (t *teller) leave(at time.Time) {
	a := act{missed: true, release: t.IntN(4) == 0, snap: registry.Snapshot{Repo: t.where(), FinishedAt: at}}
	if t.absence < 4 {
		t.absence += 2
		if a.release {
			t.absence = 4
		}
		if t.absence == 4 {
			a.moment = moment{at: at, left: true, weight: 4, images: map[string]sight{}}
			for name := range t.block {
				t.block[name] = 4
			}
		}
	}
	t.s.acts = append(t.s.acts, a)
}

func (t *teller) where() registry.Repo {
	return registry.Repo{Key: registry.RepoKey{Name: t.repo}, ProjectID: t.pick("", "", "org-1", "org-2")}
}

// look reads the list, now and then not to the end, without a name in a row, or without some images.
func (t *teller) look(at time.Time) {
	a := act{snap: registry.Snapshot{
		Repo: t.where(), StartedAt: at.Add(-time.Second), FinishedAt: at, Walks: 1, Pages: 1,
		Evidence: []registry.Evidence{registry.Complete, registry.Complete, registry.Complete, registry.Drifting, registry.Partial}[t.IntN(5)],
	}}
	if t.IntN(10) == 0 {
		a.snap.Nameless = 1
	}
	if a.snap.Evidence == registry.Partial && t.IntN(3) == 0 {
		a.snap.Unread = "the rest could not be read"
	}
	a.release = t.IntN(5) == 0
	for _, name := range []string{"always", "a", "b", "c", "d"} {
		if img, ok := t.read(name, at); ok {
			a.snap.Images = append(a.snap.Images, img)
		}
	}
	m := moment{at: at, images: map[string]sight{}}
	m.weight = map[registry.Evidence]int{registry.Complete: 2, registry.Drifting: 1}[a.snap.Evidence]
	if a.snap.Nameless > 0 {
		m.weight = 0
	}
	t.readBlock(&a, &m)
	m.complete = a.snap.Evidence == registry.Complete && m.weight == 2
	for _, img := range a.snap.Images {
		s := sight{at: at, counted: img.Counted, count: img.PullCount, tag: img.LatestTag, created: img.Created.Raw, updated: img.Updated.Raw}
		m.images[img.Name] = s
		t.told = append(t.told, s)
	}
	a.moment = m
	t.absence, t.seen = 0, true
	t.s.acts = append(t.s.acts, a)
}

// readBlock lets many images vanish, or come back, at once. They are what decides whether a look is held.
func (t *teller) readBlock(a *act, m *moment) {
	if len(t.block) > 0 && t.IntN(4) == 0 {
		t.blockIn = !t.blockIn
	}
	if t.blockIn {
		for i := range blockSize {
			name := fmt.Sprintf("z%02d", i)
			t.block[name] = 0
			a.snap.Images = append(a.snap.Images, registry.Image{Name: name, Counted: true, PullCount: int64(i), LatestTag: "v1"})
		}
		return
	}
	vanished := 0
	for _, absence := range t.block {
		if absence == 0 {
			vanished++
		}
	}
	if vanished > 0 && a.snap.Unread == "" && (!a.release || m.weight == 0) {
		a.held, m.weight = true, 0
	}
	for name := range t.block {
		t.block[name] = min(t.block[name]+m.weight, 4)
	}
}

// read moves an image on and reads it.
func (t *teller) read(name string, at time.Time) (registry.Image, bool) {
	img := t.images[name]
	if img == nil {
		if name != "always" && t.IntN(2) == 0 {
			return registry.Image{}, false
		}
		img = &registry.Image{Name: name, Counted: true, PullCount: t.Int64N(60), LatestTag: t.pick("", "v1")}
		t.created(img, at.Add(-100*time.Hour))
		t.images[name] = img
	}
	switch t.IntN(12) {
	case 0: // made anew
		img.PullCount = t.Int64N(6)
		t.created(img, at.Add(-time.Duration(t.IntN(60))*time.Hour))
	case 1:
		img.PullCount = t.Int64N(img.PullCount + 1)
	case 2, 3, 4, 5:
		img.PullCount += t.Int64N(20)
		if t.huge {
			img.PullCount = registry.MaxPullCount - t.Int64N(5)
		}
	case 6:
		img.LatestTag = t.pick("", "v1", "v2", "v3")
	}
	img.Updated = registry.Timestamp{}
	if t.updates && t.IntN(4) > 0 {
		img.Updated.At = at.Add(-time.Duration(t.IntN(9)) * time.Hour).Truncate(time.Second)
		img.Updated.Raw = img.Updated.At.Format(time.RFC3339)
	}
	r := *img
	if t.plain && r.LatestTag == "" {
		r.LatestTag = "v0"
	}
	if name == "always" {
		return r, true
	}
	switch t.IntN(9) {
	case 0:
		return r, false
	case 1:
		if !t.plain {
			r.Counted, r.PullCount = false, 0
		}
	case 2:
		r.PullCount = t.Int64N(r.PullCount + 1) // a replica that lags
	}
	return r, true
}

func (t *teller) created(img *registry.Image, at time.Time) {
	at = at.Truncate(time.Second)
	raw := t.pick("", "soon", at.Format(time.RFC3339), at.Format(time.RFC3339), at.In(time.FixedZone("", 8*3600)).Format(time.RFC3339))
	img.Created = registry.Timestamp{Raw: raw, At: understand(raw)}
}

// archives observes the same time: before, between and after the looks, at their moments, and twice at one moment.
func (t *teller) archives(acts []act, n int) {
	moments := []time.Time{storyStart.Add(-40 * time.Hour)}
	for i := range acts {
		moments = append(moments, acts[i].at())
	}
	for range n {
		at := moments[t.IntN(len(moments))]
		switch t.IntN(4) {
		case 0:
			at = at.Add(time.Minute)
		case 1:
			at = at.Add(-time.Minute)
		case 2:
			at = at.Add(t.wait())
		}
		moments = append(moments, at)
		o := registry.Observation{At: at, Repo: t.where()}
		switch t.IntN(10) {
		case 0:
			o.Look = t.pick("complete", "drifting", "held")
			t.s.archive = append(t.s.archive, o)
			continue
		case 1, 2:
			o.Absent = []uint8{1, 2, 4}[t.IntN(3)]
		}
		o.Image = registry.Image{Name: t.pick("a", "b", "c", "d", "old")}
		if o.Absent == 0 {
			t.observe(&o.Image, at)
		}
		t.s.archive = append(t.s.archive, o)
	}
}

func (t *teller) observe(img *registry.Image, at time.Time) {
	img.Counted, img.PullCount, img.LatestTag = true, t.Int64N(60), t.pick("", "v1", "v2")
	if t.IntN(2) == 0 {
		img.Created.Raw = t.pick("soon", at.Add(-100*time.Hour).Format(time.RFC3339), at.Add(-5*time.Hour).Format(time.RFC3339))
	}
	if t.IntN(2) == 0 {
		img.Updated.Raw = at.Add(-time.Duration(t.IntN(9)) * time.Hour).Format(time.RFC3339)
	}
	if len(t.told) > 0 && t.IntN(2) == 0 {
		if s := t.told[t.IntN(len(t.told))]; s.counted {
			img.PullCount, img.LatestTag, img.Created.Raw = s.count, s.tag, s.created
		}
	}
}

// stage is a database in which stories are played, each under sources of its own.
type stage struct {
	*bench
	t testing.TB
}

// play lets the runs act and brings the archives in, in an order and split of its own. An archive comes after the looks whose
// moments it reaches: a later look would get a later moment.
func (s *stage) play(st *story, source string, r *rand.Rand) {
	waiting := slices.Clone(st.archive)
	r.Shuffle(len(waiting), func(i, k int) { waiting[i], waiting[k] = waiting[k], waiting[i] })
	var ready []registry.Observation
	release := func(next time.Time) {
		waiting = slices.DeleteFunc(waiting, func(o registry.Observation) bool {
			if next.IsZero() || o.At.Before(next) {
				ready = append(ready, o)
				return true
			}
			return false
		})
	}
	for i := 0; i < len(st.acts); {
		release(st.acts[i].at())
		if len(ready) > 0 && r.IntN(3) == 0 {
			ready = s.bring(ready, source, 1+r.IntN(len(ready)), r)
		}
		n := 1
		for i+n < len(st.acts) && n < 3 && st.acts[i+n].missed == st.acts[i].missed && len(ready) == 0 && r.IntN(2) == 0 && !has(st.acts[i:i+n], st.acts[i+n].snap.Repo.Key.Name) {
			n++
		}
		s.perform(st.acts[i:i+n], source)
		i += n
	}
	release(time.Time{})
	for len(ready) > 0 {
		ready = s.bring(ready, source, 1+r.IntN(len(ready)), r)
	}
}

func has(acts []act, repo string) bool {
	return slices.ContainsFunc(acts, func(a act) bool { return a.snap.Repo.Key.Name == repo })
}

// bring imports some observations, and now and then some of them twice.
func (s *stage) bring(list []registry.Observation, source string, n int, r *rand.Rand) []registry.Observation {
	part := slices.Clone(list[:n])
	for i := range part {
		part[i].Repo.Key.Source = source
	}
	s.load(part...)
	if r.IntN(4) == 0 {
		n = r.IntN(n + 1)
	}
	return list[n:]
}

// perform does what runs do about different repos.
func (s *stage) perform(acts []act, source string) {
	s.t.Helper()
	ctx := context.Background()
	snaps := make([]registry.Snapshot, len(acts))
	repos := make([]registry.Repo, len(acts))
	release := map[string]bool{}
	for i := range acts {
		snaps[i] = acts[i].snap
		snaps[i].Repo.Key.Source = source
		repos[i] = snaps[i].Repo
		release[repos[i].Key.Name] = acts[i].release
	}
	if acts[0].missed {
		var gone []registry.RepoSync
		for i := range acts {
			gone = append(gone, registry.RepoSync{
				Repo: repos[i], Status: registry.RepoFailed, Gone: true, Released: acts[i].release, StartedAt: acts[i].at(), FinishedAt: acts[i].at(), TotalCount: -1, Error: "not listed",
			})
		}
		if err := s.run.Record(ctx, gone); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	if held, err := s.run.Claim(ctx, repos); err != nil || len(held) > 0 {
		s.t.Fatal(held, err)
	}
	results, err := s.run.Apply(ctx, snaps, store.ApplyOptions{AllowMassDelete: func(k registry.RepoKey) bool { return release[k.Name] }})
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range results {
		if held := results[i].Status == registry.RepoHeld; held != acts[i].held || !results[i].FinishedAt.Equal(acts[i].at()) || results[i].Complete != acts[i].moment.complete {
			s.t.Fatalf("the story says held %v at %v, complete %v: %+v", acts[i].held, acts[i].at(), acts[i].moment.complete, results[i])
		}
	}
}

// model is what the story's facts come to.
func (st *story) model() map[string][]string {
	out := map[string][]string{}
	for _, name := range st.names {
		var looks []moment
		for i := range st.acts {
			if a := &st.acts[i]; a.snap.Repo.Key.Name == name && a.moment.images != nil {
				looks = append(looks, a.moment)
			}
		}
		var archive []registry.Observation
		for _, o := range st.archive {
			if o.Repo.Key.Name == name {
				archive = append(archive, o)
			}
		}
		modelOf(name, looks, archive).dump(out, st.last)
	}
	for what := range out {
		slices.Sort(out[what])
	}
	return out
}
