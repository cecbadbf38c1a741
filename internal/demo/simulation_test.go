package demo

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
)

type imageKey struct{ repo, image string }

// counts is what a look sees.
func counts(w *fakeapi.World) map[imageKey]fakeapi.Image {
	all := map[imageKey]fakeapi.Image{}
	for _, r := range w.Repos() {
		for _, i := range w.Images(r.Name) {
			all[imageKey{r.Name, i.Name}] = i
		}
	}
	return all
}

// Looked at after every step, the counters tell the truth, but for the glitch: the rise of each is what was pulled.
func TestSimulationTellsTheTruth(t *testing.T) {
	t.Parallel()
	sim := NewSimulation(SimulationConfig{Seed: 1, Days: 30})
	w := sim.World()
	last := counts(w)
	if len(last) != 39 || len(w.Repos()) != 3 {
		t.Fatalf("%d images in %d repos", len(last), len(w.Repos()))
	}
	seen, zeros := map[imageKey]int64{}, 0
	for sim.Step() {
		now := counts(w)
		for k, img := range now {
			was, known := last[k]
			switch {
			case img.Pulls == 0 && was.Pulls > 10 && img.Created.Equal(was.Created):
				zeros++
				now[k] = was // nobody believes it
			case !known || !img.Created.Equal(was.Created):
				seen[k] += img.Pulls
			default:
				seen[k] += img.Pulls - was.Pulls
			}
		}
		last = now
	}
	truth := map[imageKey]int64{}
	for _, d := range sim.Pulls() {
		truth[imageKey{d.Repo, d.Image}] += d.Pulls
	}
	for k, n := range seen {
		if n == 0 {
			delete(seen, k)
		}
	}
	if d := cmp.Diff(truth, seen, cmp.AllowUnexported(imageKey{})); d != "" || zeros != 1 {
		t.Errorf("%d glitches (-truth +seen):\n%s", zeros, d)
	}
}

func TestSimulationEvents(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 23, 15, 20, 0, 0, time.UTC)
	sim := NewSimulation(SimulationConfig{Seed: 3, Start: start, Days: 90, Step: 6 * time.Hour})
	var down []time.Time
	for sim.Step() {
		if sim.Fault(fakeapi.Request{}) != nil {
			down = append(down, sim.World().Now())
		}
	}
	kinds, first := map[string]int{}, map[string]time.Time{}
	for _, e := range sim.Events() {
		kinds[e.Kind]++
		first[e.Kind] = e.At
	}
	if kinds["release"] < 50 {
		t.Errorf("got %d releases", kinds["release"])
	}
	delete(kinds, "release")
	if d := cmp.Diff(map[string]int{"glitch": 1, "reset": 1, "new": 1, "deleted": 1, "outage": 1, "restored": 1}, kinds); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// At 15:00, 21:00, 03:00 and 09:00: eight looks, on two whole days.
	if len(down) != 8 || down[0].Hour() != 3 || down[7].Sub(down[0]) != 42*time.Hour {
		t.Errorf("down at %v", down)
	}
	if !first["glitch"].Before(first["reset"]) || !first["deleted"].Before(down[0]) {
		t.Errorf("order of events: %v", first)
	}
	if got, want := sim.World().Now(), start.Truncate(time.Hour).AddDate(0, 0, 90); !got.Equal(want) {
		t.Errorf("ends at %v, want %v", got, want)
	}
	if sim.Step() {
		t.Error("a step after the last day")
	}
}

func TestSimulationOutageReachesCallers(t *testing.T) {
	t.Parallel()
	sim := NewSimulation(SimulationConfig{Seed: 3, Days: 10, Step: 24 * time.Hour})
	srv, err := fakeapi.NewServer(sim.World(), fakeapi.FaultFunc(sim.Fault))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	want := "ok ok ok ok ok ok 150 503 ok ok "
	got := ""
	for sim.Step() {
		got += outcome(t, srv.URL) + " "
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// outcome is how a call without a signature ends: by the status or code of the outage, or ok where the API itself refuses it.
func outcome(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + "/?Action=GetRepoImage&RepoName=acme_web")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status[:3]
	}
	var reply struct{ RetCode int }
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		t.Fatal(err)
	}
	if reply.RetCode != 170 {
		return strconv.Itoa(reply.RetCode)
	}
	return "ok"
}

func TestSimulationRhythm(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []DayPulls {
		sim := NewSimulation(SimulationConfig{Seed: seed, Days: 28})
		for sim.Step() {
		}
		return sim.Pulls()
	}
	a := run(1)
	if !cmp.Equal(a, run(1)) || cmp.Equal(a, run(2)) {
		t.Error("the seed must decide")
	}
	var weekend, week int64
	for _, d := range a {
		if day := d.Day.Weekday(); day == time.Saturday || day == time.Sunday {
			weekend += d.Pulls
		} else {
			week += d.Pulls
		}
	}
	if ratio := float64(weekend) / 2 / (float64(week) / 5); ratio < 0.2 || ratio > 0.5 {
		t.Errorf("a weekend's day has %.2f of a working day's pulls", ratio)
	}
}

func BenchmarkSimulation(b *testing.B) {
	for b.Loop() {
		sim := NewSimulation(SimulationConfig{Seed: 1, Days: 90})
		for sim.Step() {
		}
	}
}
