package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"syncer/internal/registry"
	"syncer/internal/store"
)

func TestClaimsExcludeEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.begin(), w.begin()
	repos := []registry.Repo{w.repo, {Key: registry.RepoKey{Source: "default", Name: "library"}}}
	if held, err := first.Claim(t.Context(), repos[:1]); err != nil || len(held) != 0 {
		t.Fatalf("first claim: held %v, %v", held, err)
	}
	held, err := second.Claim(t.Context(), repos)
	if err != nil || len(held) != 1 || held[0] != w.repo.Key {
		t.Fatalf("second claim: held %v, %v", held, err)
	}
	snap := registry.Snapshot{Repo: w.repo, StartedAt: w.now, FinishedAt: w.now, Images: images("a", 1), Evidence: registry.Complete}
	results, err := second.Apply(t.Context(), []registry.Snapshot{snap}, store.ApplyOptions{})
	if err != nil || results[0].Status != registry.RepoLocked {
		t.Fatalf("apply without a claim: %+v, %v", results, err)
	}
	w.expect("nothing was written by it", `SELECT count(*) FROM syncer.images`, "0")
	if err := first.Finish(t.Context(), registry.RunSummary{Status: registry.RunOK, FinishedAt: w.now}); err != nil {
		t.Fatal(err)
	}
	if held, err := second.Claim(t.Context(), repos); err != nil || len(held) != 0 {
		t.Fatalf("claim after the other finished: held %v, %v", held, err)
	}
	second.Close()
}

func TestDeadRunIsAborted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dead := w.begin()
	if _, err := dead.Claim(t.Context(), []registry.Repo{w.repo}); err != nil {
		t.Fatal(err)
	}
	dead.Close() // the lock goes, the record stays open
	alive := w.begin()
	if held, err := alive.Claim(t.Context(), []registry.Repo{w.repo}); err != nil || len(held) != 0 {
		t.Fatalf("claims of a dead run must be void: held %v, %v", held, err)
	}
	third := w.begin()
	defer third.Close()
	w.expect("runs", `SELECT run_id, status, finished_at IS NOT NULL, error IS NOT NULL FROM syncer.runs ORDER BY run_id`,
		"1|aborted|true|true", "2|running|false|false", "3|running|false|false")
	alive.Close()
}

// TestDeadRunIsAddedUp lets two runs die that had written, and marks them by one that begins.
func TestDeadRunIsAddedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := registry.Repo{Key: registry.RepoKey{Source: "default", Name: "library"}}
	broken := registry.Repo{Key: registry.RepoKey{Source: "default", Name: "broken"}}
	for range 2 {
		w.now = w.now.Add(time.Hour)
		dead := w.begin()
		var snaps []registry.Snapshot
		for i, repo := range []registry.Repo{w.repo, other} {
			if _, err := dead.Claim(t.Context(), []registry.Repo{repo}); err != nil {
				t.Fatal(err)
			}
			snaps = append(snaps, registry.Snapshot{Repo: repo, StartedAt: w.now, FinishedAt: w.now, Images: images("a", int(w.now.Unix()), "b", 7)[:i+1], Evidence: registry.Complete})
		}
		if _, err := dead.Apply(t.Context(), snaps, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		failed := registry.RepoSync{Repo: broken, Status: registry.RepoFailed, StartedAt: w.now, FinishedAt: w.now, TotalCount: -1, Error: "broken"}
		if err := dead.Record(t.Context(), []registry.RepoSync{failed}); err != nil {
			t.Fatal(err)
		}
		dead.Close()
	}
	w.begin().Close()
	w.expect("runs", `SELECT run_id, status, repos_ok, repos_failed, repos_held, images_seen, images_new, images_changed, requests FROM syncer.runs ORDER BY run_id`,
		"1|aborted|2|1|0|3|3|0|0", "2|aborted|2|1|0|3|0|2|0", "3|running|0|0|0|0|0|0|0")
}

func TestConcurrentRunsCountEveryPullOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.race(w.dsn)
}

// race syncs one repo whose count rises from ten processes at once: every pull must be counted once, however they meet.
func (w *world) race(dsn string) {
	w.look(registry.Complete, images("a", 0))
	const processes, rounds = 10, 8
	var truth struct {
		sync.Mutex
		count int
		now   time.Time
	}
	truth.now = w.now
	read := func() registry.Snapshot {
		truth.Lock()
		defer truth.Unlock()
		truth.count += 3
		truth.now = truth.now.Add(time.Second)
		return registry.Snapshot{
			Repo: w.repo, StartedAt: truth.now, FinishedAt: truth.now, Images: images("a", truth.count), Evidence: registry.Complete,
		}
	}
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			s, err := store.Open(w.t.Context(), dsn, store.Options{MaxConns: 2})
			if err != nil {
				w.t.Error(err)
				return
			}
			defer s.Close()
			for range rounds {
				if err := syncOnce(w.t.Context(), s, w.repo, read); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.expect("pulls add up to the count", `SELECT sum(pulls)::bigint = max(pull_count) AND max(pull_count) > 0 FROM syncer.readings`, "true")
	w.expect("nothing but increases", `SELECT DISTINCT kind FROM syncer.readings WHERE kind <> 1`, "3")
	w.expect("no lock is left", `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = current_database()`, "0")
	w.expect("every run is closed", `SELECT DISTINCT status FROM syncer.runs`, "ok")
}

func syncOnce(ctx context.Context, s *store.Store, repo registry.Repo, read func() registry.Snapshot) error {
	run, err := s.BeginRun(ctx, store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "test", StartedAt: start})
	if err != nil {
		return err
	}
	held, err := run.Claim(ctx, []registry.Repo{repo})
	if err == nil && len(held) == 0 {
		_, err = run.Apply(ctx, []registry.Snapshot{read()}, store.ApplyOptions{})
	}
	return errors.Join(err, run.Finish(ctx, registry.RunSummary{Status: registry.RunOK, FinishedAt: start}))
}

func TestRunKeepsItsLockThroughALostConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := w.begin()
	defer run.Close()
	const holders = `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.classid = 1937337955 AND d.datname = current_database()`
	w.expect("lock", holders, "1")
	w.exec(breakLocks)
	for deadline := time.Now().Add(30 * time.Second); w.query(holders)[0] != "1"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the lock was not taken again")
		}
	}
}

// Readers claim while the writer writes. Neither may wait for what the other holds, however few connections there are.
func TestOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := store.Open(t.Context(), w.dsn, store.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w.s = s
	run := w.begin()
	defer run.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	claim := func(n int) registry.Repo {
		repo := registry.Repo{Key: registry.RepoKey{Source: "default", Name: fmt.Sprint("repo", n)}}
		if _, err := run.Claim(ctx, []registry.Repo{repo}); err != nil {
			t.Errorf("claim: %v", err)
		}
		return repo
	}
	next := claim(0)
	for n := range 50 {
		snap := registry.Snapshot{Repo: next, StartedAt: w.now, FinishedAt: w.now, Images: images("a", n), Evidence: registry.Complete}
		var claiming sync.WaitGroup
		claiming.Go(func() { next = claim(n + 1) })
		if _, err := run.Apply(ctx, []registry.Snapshot{snap}, store.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		claiming.Wait()
	}
}

// breakLocks ends the connections that hold a run's lock.
const breakLocks = `SELECT pg_terminate_backend(l.pid, 10000) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database()`

// A run whose connection broke has lost its claims without knowing it. What another run wrote in the meantime stands, and the
// pulls that both have seen count once.
func TestRunThatLostItsClaimsWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("nginx", 10))
	run := w.begin()
	defer run.Close()
	if held, err := run.Claim(t.Context(), []registry.Repo{w.repo}); err != nil || len(held) > 0 {
		t.Fatalf("claim: %v, held %v", err, held)
	}
	late := registry.Snapshot{
		Repo: w.repo, StartedAt: w.now, FinishedAt: w.now.Add(90 * time.Minute), Images: images("nginx", 15), Evidence: registry.Complete,
	}
	w.exec(breakLocks)
	w.look(registry.Complete, images("nginx", 14))
	results, err := run.Apply(t.Context(), []registry.Snapshot{late}, store.ApplyOptions{})
	if err != nil || results[0].Status != registry.RepoLocked {
		t.Errorf("%+v, %v", results, err)
	}
	w.expect("history", `SELECT pull_count, pulls FROM syncer.readings ORDER BY observed_at`, "10|-", "14|4")
}

func TestRefusedDataFailsOneRepoOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	snap := func(repo string, list []registry.Image) registry.Snapshot {
		key := registry.RepoKey{Source: "default", Name: repo}
		return registry.Snapshot{Repo: registry.Repo{Key: key}, StartedAt: w.now, FinishedAt: w.now, Images: list, Evidence: registry.Complete}
	}
	bad := images("x", 1)
	bad[0].LatestTag = "nul \x00 byte"
	results := w.apply(snap("good", images("a", 1)), snap("bad", bad), snap("fine", images("b", 2)))
	for i, want := range []registry.RepoStatus{registry.RepoOK, registry.RepoFailed, registry.RepoOK} {
		if results[i].Status != want {
			t.Errorf("repo %d is %s (%s), want %s", i, results[i].Status, results[i].Error, want)
		}
	}
	w.expect("images", `SELECT name FROM syncer.images ORDER BY name`, "a", "b")
	w.expect("the record says why", `SELECT r.name, s.status, s.error LIKE '%invalid byte sequence%' FROM syncer.looks s JOIN syncer.repos r USING (repo_id) WHERE s.error IS NOT NULL`,
		"bad|failed|true")
}
