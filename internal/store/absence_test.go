package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"syncer/internal/registry"
)

const presenceSQL = `SELECT name, absence, missing_since, deleted_at, last_seen_at FROM syncer.images ORDER BY name`

const eventSQL = `SELECT e.at, i.name, e.event, e.old_value, e.new_value
FROM syncer.events e LEFT JOIN syncer.images i USING (image_id) ORDER BY e.at, i.name, e.event`

func TestAbsenceAddsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both, one := images("a", 10, "b", 5), images("a", 10)
	w.look(registry.Complete, both) // 11:00
	w.look(registry.Drifting, one)  // 12:00
	w.expect("one drifting look proves little", presenceSQL, "a|0|-|-|-", "b|1|-|-|30T11:00")
	w.look(registry.Complete, both) // 13:00
	w.expect("seeing clears the sum", presenceSQL, "a|0|-|-|-", "b|0|-|-|-")
	w.look(registry.Partial, one)  // 14:00
	w.look(registry.Drifting, one) // 15:00
	w.look(registry.Drifting, one) // 16:00
	w.expect("two drifting looks make it missing", presenceSQL, "a|0|-|-|-", "b|2|30T16:00|-|30T13:00")
	w.look(registry.Complete, one) // 17:00
	w.expect("a complete one deletes it", presenceSQL, "a|0|-|-|-", "b|4|30T16:00|30T17:00|30T13:00")
	w.expect("repo", `SELECT images, pull_count FROM syncer.repos`, "1|10")
	quiet := w.look(registry.Complete, one) // 18:00
	if quiet.Changed != 0 {
		t.Errorf("a deleted image was written again: %+v", quiet)
	}
	w.look(registry.Complete, images("a", 10, "b", 7)) // 19:00
	w.expect("reappeared", presenceSQL, "a|0|-|-|-", "b|0|-|-|-")
	w.expect("its history goes on", historySQL, "a|30T11:00|-|10|-|1|1", "b|30T11:00|-|5|-|1|1", "b|30T19:00|30T13:00|7|2|3|1")
	w.expect("events", eventSQL,
		"30T16:00|b|missing|5|-", "30T17:00|b|deleted|5|-", "30T19:00|b|reappeared|deleted|-")
}

func TestMadeAnewIsANewGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := func(at time.Time, count int64) []registry.Image {
		return []registry.Image{{
			Name: "a", PullCount: count, Counted: true, LatestTag: fmt.Sprint("v", count),
			Created: registry.Timestamp{Raw: at.Format(time.DateTime), At: at},
		}}
	}
	w.look(registry.Complete, created(start.AddDate(0, 0, -10), 100)) // 11:00
	w.look(registry.Complete, created(start, 3))                      // 12:00, made an hour before it was last seen: a zone may be wrong
	w.look(registry.Complete, created(start.AddDate(0, 0, -2), 2))    // 13:00, an earlier moment
	w.look(registry.Complete, created(start.Add(-24*time.Hour), 2))   // 14:00, later, but more than a day before it was last seen
	w.look(registry.Complete, created(start.Add(-20*time.Hour), 1))   // 15:00
	w.look(registry.Complete, created(start, 4))                      // 16:00, not fallen
	w.expect("history", historySQL, "a|30T11:00|-|100|-|1|1", "a|30T12:00|30T11:00|3|3|7|2", "a|30T13:00|30T12:00|2|0|5|2",
		"a|30T15:00|30T14:00|1|1|7|3", "a|30T16:00|30T15:00|4|3|3|3")
	w.expect("events", eventSQL, "30T12:00|a|tag_pushed|v100|v3", "30T13:00|a|tag_pushed|v3|v2", "30T15:00|a|tag_pushed|v2|v1", "30T16:00|a|tag_pushed|v1|v4")
	w.expect("image", `SELECT created_at, create_time_raw, generation FROM syncer.images`, "30T10:00|2026-03-30 10:00:00|3")
}

func many(n int) []registry.Image {
	var list []registry.Image
	for i := range n {
		list = append(list, images(fmt.Sprintf("image%03d", i), i)...)
	}
	return list
}

func TestMassDeletionIsHeld(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		known, left int
		held        bool
	}{
		"ten of ten":           {10, 0, true},
		"the only one":         {1, 0, true},
		"ten of eleven":        {11, 1, false},
		"eleven of twelve":     {12, 1, true},
		"fifteen percent":      {100, 85, false},
		"more than that":       {100, 84, true},
		"nothing was known":    {0, 0, false},
		"all but ten of fifty": {50, 40, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.look(registry.Complete, many(tt.known))
			got := w.look(registry.Complete, many(tt.left))
			if held := got.Status == registry.RepoHeld; held != tt.held {
				t.Fatalf("status %s: %s", got.Status, got.Error)
			}
			want := fmt.Sprint(tt.known - tt.left)
			if tt.held {
				want = "0"
			}
			w.expect("missing", `SELECT count(*) FROM syncer.images WHERE missing_since IS NOT NULL OR absence > 0`, want)
		})
	}
}

func TestHeldRepoIsReleased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, many(40))
	for range 3 {
		if got := w.look(registry.Complete, append(many(5), images("fresh", 1)...)); got.Status != registry.RepoHeld || got.Complete {
			t.Fatalf("a held repo must stay held until it is released: %+v", got)
		}
	}
	w.expect("held looks prove nothing", `SELECT last_complete_at, held_since, last_status FROM syncer.repos`, "30T11:00|30T12:00|held")
	w.expect("what is there is written", `SELECT name, absent_at FROM syncer.images WHERE name = 'fresh'`, "fresh|30T11:00")
	w.opt.AllowMassDelete = func(k registry.RepoKey) bool { return k == w.repo.Key }
	if got := w.look(registry.Complete, many(5)); got.Status != registry.RepoOK || got.Missing != 36 {
		t.Fatalf("released: %+v", got)
	}
	w.opt.AllowMassDelete = nil
	w.look(registry.Complete, many(5))
	w.expect("and then deleted", `SELECT count(*) FROM syncer.images WHERE deleted_at IS NOT NULL`, "36")
	w.expect("events of the repo", `SELECT at, event, new_value FROM syncer.events WHERE image_id IS NULL ORDER BY at`,
		"30T12:00|held|35", "30T15:00|released|36")
}

func TestRowWithoutNameProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("a", 1, "b", 1))
	w.now = w.now.Add(time.Hour)
	got := w.apply(registry.Snapshot{
		Repo: w.repo, FinishedAt: w.now, StartedAt: w.now, Images: images("a", 1), Evidence: registry.Complete,
		Rejected: []registry.Rejection{{Reason: "row is null"}}, Nameless: 1, RejectedTotal: 1,
	})[0]
	if got.Status != registry.RepoDrifting || got.Complete || !strings.HasPrefix(got.Error, "1 row without a usable name") || got.Rejected != 1 {
		t.Errorf("the outcome does not say that the look proves nothing: %+v", got)
	}
	w.expect("nor does the repo's row", `SELECT last_status, last_error LIKE '1 row without a usable name%', last_complete_at FROM syncer.repos`, "drifting|true|30T11:00")
	w.expect("the unreadable row may be b", presenceSQL, "a|0|-|-|-", "b|0|-|-|30T11:00")
}

// A list of which only the beginning could be read says why, and proves nothing of the rest, however often it is read.
func TestRowsThatCouldNotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, many(40))
	for range 5 {
		w.now = w.now.Add(time.Hour)
		w.apply(registry.Snapshot{
			Repo: w.repo, FinishedAt: w.now, StartedAt: w.now, Images: many(20), Evidence: registry.Partial, Unread: "rows from 20 on could not be read: no",
		})
	}
	w.expect("the repo drifts and says why", `SELECT last_status, last_error FROM syncer.repos`,
		"drifting|rows from 20 on could not be read: no; what was read is written, and nothing counts as absent")
	w.expect("nothing counts as absent", `SELECT count(*) FROM syncer.images WHERE absence > 0 OR missing_since IS NOT NULL`, "0")
}

// What a person releases is marked as far as the look proves anything, and stays released; a look that proves nothing says so.
func TestReleaseByLooksOfAnyEvidence(t *testing.T) {
	t.Parallel()
	const state = `SELECT count(*) FILTER (WHERE missing_since IS NOT NULL), count(deleted_at) FROM syncer.images`
	const events = `SELECT event, new_value FROM syncer.events WHERE image_id IS NULL ORDER BY at`
	for name, tt := range map[string]struct {
		evidence registry.Evidence
		nameless int
		marks    bool
	}{
		"complete":                {registry.Complete, 0, true},
		"drifting":                {registry.Drifting, 0, true},
		"too few walks":           {registry.Partial, 0, false},
		"row without a name":      {registry.Complete, 1, false},
		"drifting, without names": {registry.Drifting, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			look := func(release bool) registry.RepoSync {
				w.now = w.now.Add(time.Hour)
				w.opt.AllowMassDelete = func(registry.RepoKey) bool { return release }
				snap := w.snapshot(w.repo.Key.Name, many(5))
				snap.Evidence, snap.Nameless = tt.evidence, tt.nameless
				return w.apply(snap)[0]
			}
			w.look(registry.Complete, many(40))
			look(false)
			w.expect("held", events, "held|35")
			got := look(true)
			if !tt.marks {
				if got.Status != registry.RepoHeld || !strings.Contains(got.Error, "could not release") || got.Complete && tt.nameless > 0 {
					t.Errorf("%+v", got)
				}
				w.expect("nothing is marked, nothing is said to be released", events, "held|35")
				w.expect("nothing is marked", state, "0|0")
				return
			}
			w.expect("released", events, "held|35", "released|35")
			for range 4 {
				if got := look(false); got.Status == registry.RepoHeld {
					t.Fatalf("held again: %+v", got)
				}
			}
			w.expect("and deleted when the evidence is there", state, "35|35")
		})
	}
}

func TestClockThatStepsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("a", 1))
	w.now = w.now.Add(-3 * time.Hour)
	w.look(registry.Complete, images("a", 2))
	w.expect("observations stay in order", `SELECT observed_at > since, pulls FROM syncer.readings WHERE since IS NOT NULL`, "true|1")
}

func TestRepoIsGoneAfterTwoListings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	goes := w.repo
	w.repo.Key.Name = "stays"
	w.look(registry.Complete, nil) // 11:00
	w.now, w.repo = start, goes
	w.look(registry.Complete, many(20)) // 11:00
	missing := func() {
		w.now = w.now.Add(time.Hour)
		run := w.begin()
		if err := run.Record(t.Context(), []registry.RepoSync{{
			Repo: w.repo, Status: registry.RepoFailed, Gone: true, FinishedAt: w.now, StartedAt: w.now, Error: "not listed",
		}}); err != nil {
			t.Fatal(err)
		}
		run.Close()
	}
	const state = `SELECT r.images, r.gone_at, count(i.deleted_at), r.last_status FROM syncer.repos r JOIN syncer.images i USING (repo_id) GROUP BY r.repo_id`
	missing()
	w.expect("one listing proves too little", state, "20|-|0|failed")
	w.look(registry.Complete, many(20))
	missing()
	w.expect("a look clears it", state, "20|-|0|failed")
	missing()
	w.expect("gone", state, "0|30T15:00|20|failed")
	missing()
	w.expect("and only once", `SELECT event, count(*) FROM syncer.events GROUP BY 1 ORDER BY 1`, "deleted|20", "gone|1", "missing|20")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
	w.look(registry.Complete, many(20))
	w.expect("back", state, "20|-|0|ok")
	w.expect("events", `SELECT event, count(*) FROM syncer.events WHERE at > '2026-03-30 16:30Z' GROUP BY 1 ORDER BY 1`, "back|1", "reappeared|20")
}
