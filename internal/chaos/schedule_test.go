package chaos_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/store"
)

const (
	// usual is how many schedules every test run plays: some 20 seconds.
	usual = 12
	// firstSeed is the seed of the first; the others follow.
	firstSeed = 1
	// servers is how many schedules are played at once.
	servers = 2
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
	for step := range 3 + s.rng.IntN(6) {
		s.town.live()
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

// again imports what was exported: into the same database, which must change nothing, and into an empty one, which must then
// hold the same history.
func (s *schedule) again() {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "observations.ndjson")
	s.must("export", "--out", file)
	s.must("backfill", "--from", file)
	s.must("verify")
	s.judge(nil)
	want := s.history()
	s.database = s.server.database(s.t)
	s.must("backfill", "--from", file)
	s.must("verify")
	if diff := cmp.Diff(want, s.history()); diff != "" {
		s.t.Errorf("history in an empty database (-exported +imported):\n%s", diff)
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

// history is the history of every image.
func (s *schedule) history() map[string][]row {
	all := map[string][]row{}
	s.connected(func() {
		for name, image := range s.books.images(s.t) {
			all[name] = image.History
		}
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
		_, looks := s.books.follow(s.t, s.town.world, counts)
		s.t.Logf("%d looks", len(looks))
		s.books.compare(s.t)
	})
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

// armed has a thing done at one of the calls of the registry or one of the messages to the database.
func (s *schedule) armed(lose bool, do func()) {
	s.server.proxy.losing(lose)
	if s.rng.IntN(4) == 0 {
		s.asked.arm(1+s.rng.IntN(4*len(s.town.repos)), do)
		s.api.Set(fakeapi.Before(func(fakeapi.Request) { s.asked.tick() }))
		return
	}
	s.server.proxy.message.arm(1+s.rng.IntN(messages), do)
}

func (s *schedule) either() bool { return s.rng.IntN(2) == 0 }

// disarm ends what armed began and reports whether it happened.
func (s *schedule) disarm() bool {
	s.api.Set(fakeapi.Before(nil), fakeapi.FaultFunc(nil))
	asked, message := s.asked.disarm(), s.server.proxy.message.disarm()
	return asked || message
}

// sync runs the program once and wants one of the codes. It returns what it said last.
func (s *schedule) sync(during func(*process), codes ...int) (output string) {
	s.t.Helper()
	p := s.start(s.command, "--log-level", "warn")
	if during != nil {
		during(p)
	}
	code := s.wait(p)
	fired := s.disarm()
	s.t.Logf("exit code %d, happened: %v", code, fired)
	if !slices.Contains(codes, code) {
		s.t.Errorf("exit code %d, expected one of %v:\n%s", code, codes, shown(p.out.Bytes()))
	}
	return shown(p.out.Bytes())
}

// calm is a run that nothing disturbs: 0, or 3 when images are held back.
func (s *schedule) calm() map[string]int64 {
	s.t.Helper()
	s.command = "sync"
	s.sync(nil, 0, 3)
	s.connected(func() {
		last := query[struct {
			Status              string
			Repos, Held, Failed int64
		}](s.t, s.books.conn, `SELECT r.status, count(*) FILTER (WHERE s.status = 'ok'), count(*) FILTER (WHERE s.status = 'held'),
		        count(*) FILTER (WHERE s.status NOT IN ('ok', 'held'))
		    FROM reporting.runs r JOIN reporting.repo_syncs s USING (run_id)
		    WHERE run_id = (SELECT max(run_id) FROM reporting.runs) GROUP BY 1`)
		if len(last) != 1 || last[0].Failed > 0 || int(last[0].Repos+last[0].Held) != len(s.town.repos) || (last[0].Status == "ok") != (last[0].Held == 0) {
			s.t.Errorf("undisturbed run over %d repos: %+v", len(s.town.repos), last)
		}
	})
	return nil
}

func (s *schedule) killed() map[string]int64 {
	s.sync(func(p *process) { s.armed(s.either(), func() { p.signal(syscall.SIGKILL) }) }, killed, 0, 3)
	return nil
}

func (s *schedule) asksToEnd() map[string]int64 {
	s.sync(func(p *process) { s.armed(false, func() { p.signal(syscall.SIGTERM) }) }, killed, 143, 0, 3)
	return nil
}

func (s *schedule) dropped() map[string]int64 {
	s.armed(s.either(), s.server.proxy.drop)
	s.sync(nil, 0, 3, 6)
	return nil
}

func (s *schedule) terminated() map[string]int64 {
	s.armed(s.either(), func() {
		err := s.server.exec(context.WithoutCancel(s.t.Context()), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+s.database+`'`)
		if err != nil {
			s.t.Error(err)
		}
	})
	s.sync(nil, 0, 3, 6)
	return nil
}

func (s *schedule) restarted(crash bool) func() map[string]int64 {
	return func() map[string]int64 {
		s.armed(s.either(), func() { s.server.restart(s.t, crash) })
		s.sync(nil, 0, 3, 6)
		return nil
	}
}

// flickers lets a share of all calls go wrong in ways that pass.
func (s *schedule) flickers() map[string]int64 {
	s.api.Set(fakeapi.FaultFunc(faults.Mix(s.rng.Uint64(), 0.05+0.25*s.rng.Float64(), faults.Passing()...)))
	s.sync(nil, 0, 3, 5)
	return nil
}

// ill lets all calls, or all of one repo, go wrong in a way that does not pass.
func (s *schedule) ill() map[string]int64 {
	rule := fakeapi.Rule{Do: ailments[s.rng.IntN(len(ailments))], From: 1 + s.rng.IntN(4)}
	if s.rng.IntN(2) == 0 {
		rule.Repo = s.town.repos[s.rng.IntN(len(s.town.repos))]
	}
	s.api.Set(fakeapi.Faults(rule))
	s.sync(nil, 0, 3, 4, 5)
	s.api.Set(fakeapi.Faults())
	return nil
}

// wrongClock runs by a clock that is up to forty days off, and at times breaks off.
func (s *schedule) wrongClock() map[string]int64 {
	const most = 40 * 24
	off := time.Duration(s.rng.IntN(2*most)-most) * time.Hour
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	disturbed := s.rng.IntN(3) == 0
	if disturbed {
		s.armed(false, cancel)
	}
	s.ahead = s.ahead || off > 0
	err := s.inside(ctx, s.t, off)
	fired := s.disarm()
	s.t.Logf("%v off: %v", off, err)
	if err != nil && !fired {
		s.t.Errorf("run with a clock that is %v off: %v", off, err)
	}
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrDatabase) {
		s.t.Errorf("run that was told to end: %v", err)
	}
	return nil
}

// several lets runs meet, of which one may be killed or lose a connection.
func (s *schedule) several() map[string]int64 {
	s.api.Set(fakeapi.Latency(time.Duration(s.rng.IntN(20)) * time.Millisecond))
	defer s.api.Set(fakeapi.Latency(0))
	first := s.start("sync", "--log-level", "warn")
	all := []*process{first}
	codes := [][]int{{0, 3}, {0, 3}, {0, 3}}
	switch s.rng.IntN(4) {
	case 0:
		// The message that kills the first may be another one's, and then be lost with its connection.
		codes = [][]int{{killed, 0, 3, 6}, {0, 3, 6}, {0, 3, 6}}
		s.armed(s.either(), func() { first.signal(syscall.SIGKILL) })
	case 1, 2:
		codes = [][]int{{0, 3, 6}, {0, 3, 6}, {0, 3, 6}}
		s.armed(false, s.server.proxy.dropLocks)
	}
	for range 1 + s.rng.IntN(2) {
		all = append(all, s.start("sync", "--log-level", "warn"))
	}
	for i, p := range all {
		if code := s.wait(p); !slices.Contains(codes[i], code) {
			s.t.Errorf("exit code %d beside others, expected one of %v:\n%s", code, codes[i], shown(p.out.Bytes()))
		}
	}
	s.disarm()
	return nil
}

// meanwhile lets images be pulled while they are read. What the database then says of them must lie between before and after;
// it is what the model goes on from.
func (s *schedule) meanwhile() map[string]int64 {
	s.command = "sync" // a backfill that goes on leaves out what it read before
	before := map[string]int64{}
	for _, repo := range s.town.repos {
		for _, img := range s.town.world.Images(repo) {
			before[repo+" "+img.Name] = img.Pulls
		}
	}
	counts := map[string]int64{}
	var turn trigger
	s.api.Set(fakeapi.Before(func(fakeapi.Request) {
		turn.mu.Lock()
		defer turn.mu.Unlock()
		if image, ok := s.town.pull(); ok {
			counts[image] = 0
		}
	}))
	s.sync(nil, 0, 3)
	s.connected(func() {
		read := map[string]int64{}
		for _, r := range query[struct {
			Repo, Image string
			Count       int64
		}](s.t, s.books.conn, `SELECT repo, image, pull_count FROM reporting.images`) {
			read[r.Repo+" "+r.Image] = r.Count
		}
		for image := range counts {
			repo, name := split(image)
			after, _ := s.town.world.Image(repo, name)
			if counts[image] = read[image]; counts[image] < before[image] || counts[image] > after.Pulls {
				s.t.Errorf("%s: %d pulls read, there were %d before and %d after", image, counts[image], before[image], after.Pulls)
			}
		}
	})
	return counts
}
