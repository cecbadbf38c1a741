package chaos_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/store"
)

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

// disarm ends what armed began and tells whether it happened.
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
