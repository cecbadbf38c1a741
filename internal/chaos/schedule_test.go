package chaos_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
)

const (
	// usual is how many schedules every test run plays: some 20 seconds.
	usual = 12
	// firstSeed is the seed of the first; the others follow.
	firstSeed = 1
	// servers is how many schedules are played at once.
	servers = 2
	// long is how long before now the registry's life begins, and recent how long before now its steps do: six of at most nine
	// hours lie between, and nine of at most ninety minutes behind.
	long, recent = 72 * time.Hour, 16 * time.Hour
	// messages is about how many a run sends to its database.
	messages = 90
)

var (
	binary string                        // the program under test
	pool   = make(chan *server, servers) // servers that no schedule has
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "chaos-")
	if err == nil {
		err = os.Chmod(dir, 0o755) // the servers run as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := range servers {
		s, err := startServer(context.Background(), filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer s.stop()
		pool <- s
	}
	return m.Run()
}

// build takes the program that SYNCER_BINARY names, or makes it.
func build(dir string) error {
	if binary = os.Getenv("SYNCER_BINARY"); binary != "" {
		return nil
	}
	binary = filepath.Join(dir, "syncer")
	cmd := exec.Command("go", "build", "-o", binary, "syncer/cmd/syncer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// take gives a test a server until it is over.
func take(t *testing.T) *server {
	t.Helper()
	s := <-pool
	t.Cleanup(func() { pool <- s })
	return s
}

// TestSchedules plays schedules. Each of them is a test of its own with the seed as its name.
func TestSchedules(t *testing.T) {
	t.Parallel()
	first, count := uint64(firstSeed), usual
	if text := os.Getenv("CHAOS_SCHEDULES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first = n
		if os.Getenv("CHAOS_SCHEDULES") == "" {
			count = 1
		}
	}
	for i := range uint64(count) {
		t.Run(strconv.FormatUint(first+i, 10), func(t *testing.T) {
			t.Parallel()
			play(t, first+i)
		})
	}
}

// schedule is one story from an empty database to a quiet end.
type schedule struct {
	t        *testing.T
	rng      *rand.Rand
	town     *town
	api      *fakeapi.Server
	server   *server
	database string
	books    *books
	discover bool
	page     int    // rows that are asked for at once
	command  string // that reads: sync or backfill
	ahead    bool   // something was written by a clock that was ahead; archives are not believed about the future
	log      *slog.Logger
	asked    trigger // counts the registry's calls
}

func newSchedule(t *testing.T, seed uint64) *schedule {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	s := &schedule{
		t: t, rng: rng, town: newTown(rng), server: take(t), discover: rng.IntN(4) == 0, page: 5, command: "sync",
		log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	s.database = s.server.database(t)
	var err error
	if s.api, err = fakeapi.NewServer(s.town.world); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.api.Close)
	s.books = &books{truth: newModel(), taken: map[string]bool{}}
	return s
}

func play(t *testing.T, seed uint64) {
	t.Helper()
	s := newSchedule(t, seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("play it again: CHAOS_SEED=%d go test ./internal/chaos -run TestSchedules -v", seed)
		}
	})
	s.past()
	for step := range 3 + s.rng.IntN(6) {
		s.town.live(time.Duration(1+s.rng.IntN(90)) * time.Minute)
		name, do := s.pick()
		s.command = []string{"sync", "sync", "backfill"}[s.rng.IntN(3)]
		t.Logf("step %d: %s", step, name)
		counts := do()
		s.judge(counts)
		if t.Failed() {
			return
		}
	}
	s.calm()
	s.judge(nil)
	s.conclude()
	if !s.ahead {
		s.again()
	}
}

// past gives the database some days of history: runs hours apart, which nothing disturbs.
func (s *schedule) past() {
	s.t.Helper()
	for step := range s.rng.IntN(6) {
		s.town.live(time.Duration(1+s.rng.IntN(9*60)) * time.Minute)
		off := time.Until(s.town.world.Now().Add(time.Minute))
		if err := s.inside(s.t.Context(), s.t, off); err != nil {
			s.t.Fatal(err)
		}
		s.t.Logf("past %d: %v off", step, off.Round(time.Minute))
		s.judge(nil)
	}
	s.town.world.SetTime(time.Now().Add(-recent).Truncate(time.Second))
}

// again imports what was exported: into the same database, which must change nothing, and into an empty one, which must then
// tell the same story.
func (s *schedule) again() {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "observations.ndjson")
	s.must("export", "--out", file)
	s.must("backfill", "--from", file)
	s.must("verify")
	s.judge(nil)
	want := s.story()
	s.database = s.server.database(s.t)
	s.must("backfill", "--from", file)
	s.must("verify")
	if diff := cmp.Diff(want, s.story()); diff != "" {
		s.t.Errorf("in an empty database (-exported +imported):\n%s", diff)
	}
}

// must runs a command that has to succeed.
func (s *schedule) must(args ...string) {
	s.t.Helper()
	p := s.start(args...)
	if code := s.wait(p); code != 0 {
		s.t.Errorf("syncer %v: exit code %d:\n%s", args, code, shown(p.out.Bytes()))
	}
}

// story is what an export carries: history, events and days of every image.
type story struct {
	History map[string][]row
	Events  map[string][]string
	Days    map[string]int64
}

func (s *schedule) story() story {
	all := story{History: map[string][]row{}, Events: map[string][]string{}}
	s.connected(func() {
		for name, image := range s.books.images(s.t) {
			all.History[name], all.Events[name] = image.History, image.Events
		}
		all.Days = s.books.days(s.t)
	})
	return all
}

// pick chooses what happens at the next look.
func (s *schedule) pick() (name string, do func() map[string]int64) {
	type incident struct {
		name string
		do   func() map[string]int64
	}
	all := []incident{
		{"calm", s.calm}, {"calm", s.calm}, {"killed", s.killed}, {"killed", s.killed}, {"asked to end", s.asksToEnd}, {"connections dropped", s.dropped},
		{"connections dropped", s.dropped}, {"backends ended", s.terminated}, {"database restarted", s.restarted(false)},
		{"database crashed", s.restarted(true)}, {"registry flickers", s.flickers}, {"registry is ill", s.ill}, {"clock is wrong", s.wrongClock}, {"clock is wrong", s.wrongClock},
		{"several at once", s.several}, {"pulled meanwhile", s.meanwhile},
	}
	chosen := all[s.rng.IntN(len(all))]
	return chosen.name, chosen.do
}

// judge brings the model up to date and compares.
func (s *schedule) judge(counts map[string]int64) {
	s.t.Helper()
	s.connected(func() {
		quiet(s.t, s.books.conn)
		_, looks := s.books.follow(s.t, s.town.world, counts, s.given)
		s.api.ResetLog()
		s.t.Logf("%d looks", len(looks))
		s.books.compare(s.t)
	})
}

// given tells what the registry answered about a repo's list since the last judgement. What became of an answer that was cut off,
// or came too late, is not known.
func (s *schedule) given(repo string) (least, most int, failed bool) {
	certain, possible := map[int]bool{}, map[int]bool{}
	for _, q := range s.api.Log() {
		failed = failed || q.Faulted
		if q.Action != "GetRepoImage" || q.Repo != repo {
			continue
		}
		for i := range q.Rows {
			possible[q.Offset+i] = true
			if !q.Faulted {
				certain[q.Offset+i] = true
			}
		}
	}
	return len(certain), len(possible), failed
}

// connected gives the books a connection while do is called.
func (s *schedule) connected(do func()) {
	s.t.Helper()
	s.books.conn = s.server.connect(s.t, s.database)
	defer s.books.conn.Close(context.WithoutCancel(s.t.Context()))
	do()
}

// conclude wants all to be in order after the last, undisturbed run.
func (s *schedule) conclude() {
	s.t.Helper()
	s.connected(func() {
		quiet(s.t, s.books.conn)
		s.books.settled(s.t, s.town.world, func(image string) bool { return !s.town.wobbly[image] })
	})
	s.must("verify")
}
