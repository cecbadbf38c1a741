package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/registry"
	"syncer/internal/store"
)

func TestHigherCountOfOneMomentWins(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]int64{"rising": {5, 7, 6}, "falling": {7, 6, 5}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			conflicts := int64(0)
			for _, count := range order {
				conflicts += w.load(w.seen(1, "a", 4), w.seen(2, "a", count), w.seen(3, "a", 9)).Conflicts
			}
			w.expect("history", historySQL, "a|30T11:00|-|4|-|1|1", "a|30T12:00|30T11:00|7|3|3|1", "a|30T13:00|30T12:00|9|2|3|1")
			if conflicts != 2 {
				t.Errorf("%d conflicts, want 2", conflicts)
			}
		})
	}
}

// An archive from before the first run: what is current stays, and images that were gone when runs began are known to be gone.
func TestOlderArchiveLeavesTheCurrentStateAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = start.Add(100 * time.Hour)
	w.look(registry.Complete, images("a", 50, "b", 7)) // 101
	w.look(registry.Complete, images("a", 50, "b", 7))
	w.look(registry.Complete, images("a", 52, "b", 7)) // 103
	current := `SELECT name, pull_count, latest_tag, COALESCE(last_seen_at, (SELECT last_look_at FROM syncer.repos)) FROM syncer.images WHERE name IN ('a', 'b') ORDER BY name`
	before := w.query(current)
	old := w.seen(1, "a", 40)
	old.Image.LatestTag = "v0"
	var list []registry.Observation
	for i := range 30 { // more than may vanish at once
		list = append(list, w.seen(2, string(rune('c'+i)), 1))
	}
	w.load(append(list, old, w.seen(3, "a", 45), w.seen(4, "c", 9))...)
	if diff := cmp.Diff(before, w.query(current)); diff != "" {
		t.Errorf("current state (-before +after):\n%s", diff)
	}
	w.expect("history of a", `SELECT h.observed_at, h.since, h.pull_count, h.pulls, h.kind FROM syncer.readings h JOIN syncer.images i USING (image_id) WHERE i.name = 'a' ORDER BY 1`,
		"30T11:00|-|40|-|1", "30T13:00|30T11:00|45|5|3", "03T15:00|30T13:00|50|5|3", "03T17:00|03T16:00|52|2|3")
	w.expect("gone images", `SELECT pull_count, absence, missing_since, deleted_at, last_seen_at FROM syncer.images WHERE name = 'c'`, "9|4|03T15:00|03T16:00|30T14:00")
	w.expect("their events", `SELECT e.event, e.at, e.old_value FROM syncer.events e JOIN syncer.images i USING (image_id) WHERE i.name = 'c' ORDER BY 2`,
		"missing|03T15:00|9", "deleted|03T16:00|9")
	w.expect("repo days", `SELECT day, looks, complete_looks, images, pulls FROM syncer.repo_days ORDER BY day`, "30T00:00|4|0|31|13", "03T00:00|3|3|2|7")
	if next := w.look(registry.Complete, images("a", 52, "b", 7)); next.Status != registry.RepoOK || next.Changed != 0 {
		t.Errorf("the next look: %+v", next)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// An archive that goes on after the last look becomes what is current, and looks go on from there.
func TestNewerArchiveBecomesCurrent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("a", 5, "b", 7)) // 1
	w.look(registry.Complete, images("a", 5, "b", 7)) // 2
	newer := w.seen(4, "a", 8)
	newer.Image.LatestTag, newer.Repo.ProjectID = "v9", "org-2"
	w.load(newer)
	w.expect("images", `SELECT image, pull_count, latest_tag, last_seen_at FROM reporting.images ORDER BY image`, "a|8|v9|30T14:00", "b|7|v1|30T12:00")
	w.expect("repo", `SELECT project_id, pull_count, last_look_at, last_archived_at, last_complete_at FROM syncer.repos`, "org-2|15|30T12:00|30T14:00|30T12:00")
	w.now = start.Add(3 * time.Hour)                            // a clock that is behind the archive
	w.look(registry.Complete, images("a", 9, "b", 7, "new", 3)) // 4
	w.expect("history", `SELECT i.name, h.observed_at::text, h.since, h.pull_count, h.pulls, h.kind FROM syncer.readings h JOIN syncer.images i USING (image_id) WHERE h.kind > 1 ORDER BY 1, 2`,
		"a|2026-03-30 14:00:00+00|30T12:00|8|3|3", "a|2026-03-30 14:00:00.000001+00|30T14:00|9|1|3", "new|2026-03-30 14:00:00.000001+00|30T12:00|3|3|2")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// An image that looks had found gone, and that an archive saw after them, is there until the next looks.
func TestArchiveSeesAMissingImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.look(registry.Complete, images("a", 5, "b", 7)) // 1
	w.look(registry.Complete, images("a", 5))
	w.look(registry.Complete, images("a", 5)) // 3: b is deleted
	w.look(registry.Complete, images("a", 5)) // 4
	b := w.seen(0, "b", 9)
	b.At = start.Add(3*time.Hour + 30*time.Minute)
	w.load(b)
	w.expect("b", `SELECT pull_count, absence, missing_since, deleted_at FROM syncer.images WHERE name = 'b'`, "9|2|30T14:00|-")
	w.expect("repo day", `SELECT images FROM syncer.repo_days`, "2")
	w.load(b)
	w.expect("events", `SELECT event, at FROM syncer.events ORDER BY at`, "missing|30T12:00", "deleted|30T13:00", "reappeared|30T13:30", "missing|30T14:00")
	w.look(registry.Complete, images("a", 5))
	w.expect("b at last", `SELECT deleted_at FROM syncer.images WHERE name = 'b'`, "30T15:00")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

// Of months that retention has dropped nothing is imported, as there is nothing left to merge with; what follows is.
func TestImportAfterRetention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(w.seen(1, "a", 5), w.seen(2, "a", 8), w.seen(20*24, "a", 10), w.seen(21*24, "a", 12), w.seen(1, "still", 1))
	if _, err := w.s.DropHistory(t.Context(), start.AddDate(0, 0, 3)); err != nil {
		t.Fatal(err)
	}
	if found := w.verify(false); len(found) > 0 {
		t.Fatalf("verify before: %q", found)
	}
	sum := w.load(w.seen(3, "a", 9), w.seen(19*24, "a", 9), w.seen(20*24+12, "a", 11), w.seen(22*24, "still", 4), w.seen(22*24, "b", 1))
	if diff := cmp.Diff(store.Imported{Observations: 5, TooOld: 1, Repos: 1, Images: 3, ImagesNew: 1, ImagesMoved: 2, RowsAdded: 4, RowsChanged: 2}, sum); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("history", historySQL, "a|18T10:00|30T12:00|9|1|3|1", "a|19T10:00|18T10:00|10|1|3|1", "a|19T22:00|19T10:00|11|1|3|1", "a|20T10:00|19T22:00|12|1|3|1",
		"b|21T10:00|-|1|-|1|1", "still|21T10:00|30T11:00|4|3|3|1")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
}

func TestFailedImportLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := errors.New("line 3 is bad")
	_, err := w.s.Import(t.Context(), func(yield func(registry.Observation, error) bool) {
		_ = yield(w.seen(1, "a", 1), nil) && yield(registry.Observation{}, stop)
	}, store.ImportOptions{Zone: time.UTC})
	if !errors.Is(err, stop) || errors.Is(err, store.ErrDatabase) {
		t.Errorf("error %v", err)
	}
	if _, err := w.s.Import(t.Context(), sequence([]registry.Observation{w.seen(1, "a", 1)}), store.ImportOptions{Zone: time.UTC, DryRun: true}); err != nil {
		t.Error(err)
	}
	w.expect("nothing", `SELECT (SELECT count(*) FROM syncer.repos), (SELECT count(*) FROM syncer.images), (SELECT count(*) FROM syncer.readings), (SELECT count(*) FROM syncer.looks)`, "0|0|0|0")
}
