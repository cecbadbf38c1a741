package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncer/internal/registry"
)

// reading is one row that a look at a repo showed.
type reading struct {
	count   int64
	counted bool
	created time.Time
}

// modelLook is one look at a repo as it was shown to the store.
type modelLook struct {
	at       time.Time
	complete bool
	rows     map[string]reading
}

// model is one repo: the truth that moves, and every look at it.
type model struct {
	key   registry.RepoKey
	truth map[string]*reading
	looks []modelLook
}

var modelNames = []string{"always", "a", "b", "c", "d"}

// look moves the truth and reads it, now and then through a glitch, or without some rows or their counts.
func (m *model) look(t *rapid.T, at time.Time) registry.Snapshot {
	l := modelLook{at: at, complete: rapid.Bool().Draw(t, "complete"), rows: map[string]reading{}}
	snap := registry.Snapshot{Repo: registry.Repo{Key: m.key}, StartedAt: at, FinishedAt: at, Evidence: registry.Complete}
	if !l.complete {
		snap.Evidence = rapid.SampledFrom([]registry.Evidence{registry.Drifting, registry.Partial}).Draw(t, "evidence")
	}
	for _, name := range modelNames {
		r, ok := m.read(t, name, at)
		if !ok {
			continue
		}
		l.rows[name] = r
		snap.Images = append(snap.Images, registry.Image{
			Name: name, PullCount: r.count, Counted: r.counted, LatestTag: "v1",
			Created: registry.Timestamp{Raw: fmt.Sprint(r.created.Unix()), At: r.created},
		})
	}
	m.looks = append(m.looks, l)
	return snap
}

func (m *model) read(t *rapid.T, name string, at time.Time) (reading, bool) {
	truth := m.truth[name]
	if truth == nil {
		if name != "always" && rapid.Bool().Draw(t, "not yet") {
			return reading{}, false
		}
		truth = &reading{count: rapid.Int64Range(0, 50).Draw(t, "first"), created: at.Add(-time.Hour)}
		m.truth[name] = truth
	}
	switch rapid.IntRange(0, 11).Draw(t, "move") {
	case 0:
		truth.count, truth.created = rapid.Int64Range(0, 5).Draw(t, "anew"), at
	case 1:
		truth.count = rapid.Int64Range(0, truth.count).Draw(t, "fallen")
	case 2, 3, 4, 5:
		truth.count += rapid.Int64Range(1, 20).Draw(t, "pulled")
	}
	r := *truth
	r.counted = true
	if name == "always" { // or a list is suddenly empty, which is another story
		return r, true
	}
	switch rapid.IntRange(0, 9).Draw(t, "sight") {
	case 0:
		return r, false
	case 1:
		r.counted, r.count = false, 0
	case 2:
		r.count = 0
	}
	return r, true
}

// history is what DESIGN's table of kinds makes of an image's readings, from all of them at once.
func (m *model) history(name string) (rows []string, days map[string]string) {
	days = map[string]string{}
	type dayTotal struct{ pulls, count, resets int64 }
	totals := map[string]*dayTotal{}
	var absent, counted *time.Time // last look that proved absence before the first sight; last one that read the count
	var last, doubted int64        // last count; the count before a doubtful drop
	var created time.Time
	kind, generation, seen := "", 1, false
	for i := range m.looks {
		l := &m.looks[i]
		r, ok := l.rows[name]
		if !ok && !seen && l.complete {
			absent = &l.at
		}
		seen = seen || ok
		if !ok || !r.counted {
			continue
		}
		since, next, pulls := counted, "", int64(0)
		switch {
		case kind == "" && absent == nil:
			next, since = "1 baseline", nil
		case kind == "":
			next, pulls, since = "2 new", r.count, absent
		case !r.created.Equal(created):
			next, pulls = "7 reset", r.count
			generation++
		case kind == "5 suspect" && r.count >= doubted:
			next, pulls = "6 recovered", r.count-doubted
		case kind == "5 suspect":
			next, pulls = "7 reset", r.count
		case r.count > last:
			next, pulls = "3 increase", r.count-last
		case r.count < last && 2*(last-r.count) <= last:
			next = "4 correction"
		case r.count < last:
			next, doubted = "5 suspect", last
		}
		counted, last, created = &l.at, r.count, r.created
		if next == "" {
			continue
		}
		kind = next
		text, day := fmt.Sprint(pulls), l.at.Format(time.DateOnly)
		if totals[day] == nil {
			totals[day] = &dayTotal{pulls: -1}
		}
		total := totals[day]
		if next == "1 baseline" {
			text = "-"
		} else {
			total.pulls = max(total.pulls, 0) + pulls
		}
		total.count = r.count
		if next == "7 reset" {
			total.resets++
		}
		rows = append(rows, fmt.Sprintf("%s|%s|%s|%d|%s|%c|%d", name, stamp(&l.at), stamp(since), r.count, text, next[0], generation))
	}
	for day, total := range totals {
		pulls := fmt.Sprint(total.pulls)
		if total.pulls < 0 {
			pulls = "-"
		}
		days[day] = fmt.Sprintf("%s|%s|%s|%d|%d", name, day, pulls, total.count, total.resets)
	}
	return rows, days
}

func stamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format("2006-01-02 15:04")
}

// check compares all that the store wrote of the repo with the model.
func (m *model) check(t *rapid.T, w *world) {
	var rows, days []string
	for _, name := range slices.Sorted(slices.Values(modelNames)) {
		h, d := m.history(name)
		rows = append(rows, h...)
		days = append(days, slices.Sorted(maps.Values(d))...)
	}
	const of = `JOIN syncer.images i USING (image_id) JOIN syncer.repos r USING (repo_id) WHERE r.name = $1 ORDER BY i.name COLLATE "C", 2`
	const minute = `'YYYY-MM-DD HH24:MI'`
	got := w.query(`SELECT i.name, to_char(h.observed_at, `+minute+`), to_char(h.since, `+minute+`), h.pull_count, h.pulls, h.kind, h.generation
FROM syncer.readings h `+of, m.key.Name)
	if !slices.Equal(got, rows) {
		t.Fatalf("%s: history\n got %q\nwant %q\nof %+v", m.key.Name, got, rows, m.looks)
	}
	got = w.query(`SELECT i.name, to_char(d.day, 'YYYY-MM-DD'), d.pulls, d.pull_count, d.resets FROM syncer.image_days d `+of, m.key.Name)
	if !slices.Equal(got, days) {
		t.Fatalf("%s: roll-up\n got %q\nwant %q\nof %+v", m.key.Name, got, days, m.looks)
	}
}

// 500 random histories, their repos applied in random order and company, are in the database what a model makes of the same
// looks, row by row and day by day, and verify clean.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) { // 100 times
		round++
		models := make([]*model, 5)
		for i := range models {
			models[i] = &model{key: registry.RepoKey{Source: "default", Name: fmt.Sprintf("repo%d-%d", round, i)}, truth: map[string]*reading{}}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "hours")) * time.Hour)
			var snaps []registry.Snapshot
			for _, i := range rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(rt, "order") {
				if rapid.IntRange(0, 3).Draw(rt, "looked") > 0 {
					snaps = append(snaps, models[i].look(rt, w.now))
				}
			}
			if len(snaps) == 0 {
				continue
			}
			together := rapid.IntRange(1, len(snaps)).Draw(rt, "together")
			for group := range slices.Chunk(snaps, together) {
				w.apply(group...)
			}
		}
		for _, m := range models {
			m.check(rt, w)
		}
	})
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("%d differences, first %q", len(found), found[0])
	}
}
