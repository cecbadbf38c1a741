package store_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// parseTime understands what these tests write.
func sequence(list []registry.Observation) iter.Seq2[registry.Observation, error] {
	return func(yield func(registry.Observation, error) bool) {
		for _, o := range list {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (w *world) load(list ...registry.Observation) store.Imported {
	w.t.Helper()
	sum, err := w.s.Import(w.t.Context(), sequence(list), store.ImportOptions{Zone: time.UTC})
	if err != nil {
		w.t.Fatal(err)
	}
	return sum
}

// seen is an observation of an image of the world's repo so many hours after the start.
func (w *world) seen(hours int, name string, count int64) registry.Observation {
	return registry.Observation{
		At: start.Add(time.Duration(hours) * time.Hour), Repo: w.repo,
		Image: registry.Image{Name: name, PullCount: count, Counted: true},
	}
}

func TestImportIntoAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.seen(30, "a", 3)
	o.Image.LatestTag, o.Image.Created = "v2", registry.Timestamp{Raw: "2026-01-01T00:00:00Z"}
	o.At = o.At.Add(5 * time.Hour) // six hours after the fall was seen
	sum := w.load(w.seen(3, "a", 15), w.seen(1, "a", 10), w.seen(2, "a", 10), o, w.seen(29, "a", 3), w.seen(2, "b", 1))
	if diff := cmp.Diff(store.Imported{Observations: 6, Repos: 1, Images: 2, ImagesNew: 2, RowsAdded: 5}, sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	w.expect("history", historySQL,
		"a|30T11:00|-|10|-|1|1",
		"a|30T13:00|30T12:00|15|5|3|1",
		"a|31T15:00|30T13:00|3|0|5|1",
		"a|31T21:00|31T15:00|3|3|7|1",
		"b|30T12:00|-|1|-|1|1")
	w.expect("images", `SELECT name, pull_count, kind, latest_tag, created_at, first_seen_at, absent_at, last_seen_at, last_counted_at, last_pulled_at FROM syncer.images ORDER BY name`,
		"a|3|7|v2|01T00:00|30T11:00|-|31T21:00|-|31T21:00", "b|1|1|-|-|30T12:00|-|30T12:00|-|-")
	w.expect("roll-up", `SELECT i.name, d.day, d.pulls, d.pull_count, d.resets FROM syncer.image_days d JOIN syncer.images i USING (image_id) ORDER BY 1, 2`,
		"a|30T00:00|5|15|0", "a|31T00:00|3|3|1", "b|30T00:00|-|1|0")
	w.expect("repo days", `SELECT day, looks, complete_looks, images, pulls FROM syncer.repo_days ORDER BY day`, "30T00:00|3|0|2|5", "31T00:00|2|0|2|3")
	w.expect("repo", `SELECT images, pull_count, next_image, first_seen_at, last_look_at, last_archived_at, last_complete_at, last_attempt_at FROM syncer.repos`,
		"2|4|3|30T11:00|-|31T21:00|-|-")
	if found := w.verify(false); len(found) > 0 {
		t.Errorf("verify: %q", found)
	}
	again := w.load(w.seen(3, "a", 15), o, w.seen(2, "a", 10))
	if diff := cmp.Diff(store.Imported{Observations: 3, Repos: 1, Images: 1}, again); diff != "" {
		t.Errorf("second import (-want +got):\n%s", diff)
	}
}

// bench compares repos of one database over one connection.
type bench struct {
	*world
	run  *store.Run
	conn *pgx.Conn
}

func newBench(t *testing.T) *bench {
	t.Helper()
	w := newWorld(t)
	conn, err := plain(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	b := &bench{world: w, run: w.begin(), conn: conn}
	t.Cleanup(b.run.Close)
	return b
}

// state is everything that an import may change about a repo, without ids and what only runs leave behind.
func (b *bench) state(t *rapid.T, repo string) []string {
	rows, err := b.conn.Query(context.Background(), `
WITH r AS (SELECT * FROM syncer.repos WHERE name = $1), i AS (SELECT i.* FROM syncer.images i JOIN r USING (repo_id))
SELECT concat_ws('|', 'history', i.name, h.observed_at, 'since', h.since, h.pull_count, 'pulls', h.pulls, h.kind, h.generation)
FROM syncer.readings h JOIN i USING (image_id) WHERE h.kind IS NOT NULL
UNION ALL
SELECT concat_ws('|', 'image day', i.name, d.day, 'pulls', d.pulls, 'count', d.pull_count, d.resets) FROM syncer.image_days d JOIN i USING (image_id)
UNION ALL
SELECT concat_ws('|', 'image', i.name, i.pull_count, i.kind, 'believed', i.believed, i.fallen_at, i.lowest, i.observed_at, i.generation, 'tag', i.latest_tag,
                 'create', i.create_time_raw, i.created_at, 'update', i.update_time_raw, i.updated_at, i.update_read_at, i.archived_updated_at, i.updated_from, 'first', i.first_seen_at, i.absent_at,
                 'seen', COALESCE(i.last_seen_at, r.last_look_at), 'counted', COALESCE(i.last_counted_at, i.last_seen_at, r.last_look_at),
                 'pulled', i.last_pulled_at, 'absence', i.absence, i.missing_since, i.deleted_at)
FROM i JOIN r USING (repo_id)
UNION ALL
SELECT concat_ws('|', 'event', e.at, i.name, e.event, 'old', e.old_value, 'new', e.new_value) FROM syncer.events e JOIN i USING (image_id)
UNION ALL
SELECT concat_ws('|', 'repo', images, pull_count, first_seen_at) FROM r
UNION ALL
SELECT concat_ws('|', 'repo day', d.day, d.looks, d.complete_looks, d.images, d.pulls) FROM syncer.repo_days d JOIN r USING (repo_id)
ORDER BY 1`, repo)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// live applies observations of one moment as a run would that proves nothing about what it did not see.
func (b *bench) live(t *rapid.T, list []registry.Observation) { b.liveAs(t, list, registry.Partial) }

func (b *bench) liveAs(t *rapid.T, list []registry.Observation, evidence registry.Evidence) {
	snap := registry.Snapshot{Repo: list[0].Repo, StartedAt: list[0].At, FinishedAt: list[0].At, Evidence: evidence}
	for _, o := range list {
		snap.Images = append(snap.Images, o.Image)
	}
	ctx := context.Background()
	if held, err := b.run.Claim(ctx, []registry.Repo{snap.Repo}); err != nil || len(held) > 0 {
		t.Fatal(held, err)
	}
	if _, err := b.run.Apply(ctx, []registry.Snapshot{snap}, store.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
}

// drawLooks draws looks at a few images whose counters rise, stand, fall and glitch. everything makes each look see every image,
// and CreateTime is given or not, but never changes.
func drawLooks(t *rapid.T, key registry.RepoKey, everything bool) [][]registry.Observation {
	names := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "images")]
	modes := []string{"none", "same", "changing", "sometimes"}
	if everything {
		modes = modes[:2]
	}
	times := rapid.SampledFrom(modes).Draw(t, "create times")
	counts, made, tags := map[string]int64{}, map[string]int{}, map[string]string{"a": "v1", "b": "v1", "c": "v1"}
	at := start
	var looks [][]registry.Observation
	for range rapid.IntRange(1, 14).Draw(t, "looks") {
		at = at.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour)
		var look []registry.Observation
		for _, name := range names {
			count := func() int64 { return counts[name] }
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 4, 5:
				glitch := rapid.Int64Range(0, 40).Draw(t, "glitch")
				count = func() int64 { return glitch }
			case 0, 1:
				counts[name] += rapid.Int64Range(1, 9).Draw(t, "pulled")
			case 2:
				counts[name] = rapid.Int64Range(0, 40).Draw(t, "jump")
			case 3:
				if times == "changing" || times == "sometimes" {
					made[name]++
				}
			}
			if !everything && rapid.IntRange(0, 5).Draw(t, "unseen") == 0 {
				continue
			}
			o := registry.Observation{At: at, Repo: registry.Repo{Key: key}, Image: registry.Image{Name: name, PullCount: count(), Counted: true, LatestTag: tags[name]}}
			if rapid.IntRange(0, 9).Draw(t, "push") == 0 {
				tags[name] = rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "tag")
			}
			silent := times == "none" || times == "sometimes" && rapid.Bool().Draw(t, "silent")
			if !silent {
				created := start.AddDate(0, 0, made[name])
				o.Image.Created = registry.Timestamp{Raw: created.Format(time.RFC3339), At: created}
			}
			look = append(look, o)
		}
		if len(look) > 0 {
			looks = append(looks, look)
		}
	}
	return looks
}

func renamed(list []registry.Observation, repo string) []registry.Observation {
	list = slices.Clone(list)
	for i := range list {
		list[i].Repo.Key.Name = repo
	}
	return list
}

// Any order and any split of the same observations gives what one import in the order of time gives, and that is what live looks
// would have given.
func TestOrderAndSplitOfImportsDoNotMatter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		looks := drawLooks(rt, b.repo.Key, false)
		all := slices.Concat(looks...)
		live, whole, split := fmt.Sprint("live", n), fmt.Sprint("whole", n), fmt.Sprint("split", n)
		for _, look := range looks {
			b.live(rt, renamed(look, live))
		}
		b.load(renamed(all, whole)...)
		shuffled := rapid.Permutation(all).Draw(rt, "order")
		for len(shuffled) > 0 {
			size := rapid.IntRange(1, len(shuffled)).Draw(rt, "size")
			b.load(renamed(shuffled[:size], split)...)
			shuffled = shuffled[size-rapid.IntRange(0, size/2).Draw(rt, "in two files"):]
		}
		want := b.state(rt, live)
		if diff := cmp.Diff(want, b.state(rt, whole)); diff != "" {
			rt.Fatalf("imported at once (-live +imported):\n%s", diff)
		}
		if diff := cmp.Diff(want, b.state(rt, split)); diff != "" {
			rt.Fatalf("imported in parts (-live +imported):\n%s", diff)
		}
	})
	if found := b.verify(false); len(found) > 0 {
		t.Errorf("%d differences, first %q", len(found), found[0])
	}
}

// What was observed live and what is imported later, before, between or after, come to the same as if all had been live. Of
// generations before the present one live looks leave no CreateTime, so here it does not change.
func TestImportsBetweenLiveLooks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		looks := drawLooks(rt, b.repo.Key, true)
		live, mixed := fmt.Sprint("live", n), fmt.Sprint("mixed", n)
		var archive []registry.Observation // not yet imported
		for _, look := range looks {
			b.live(rt, renamed(look, live))
			if rapid.Bool().Draw(rt, "archived") {
				archive = append(archive, renamed(look, mixed)...)
			} else {
				b.live(rt, renamed(look, mixed))
			}
			if n := rapid.IntRange(0, len(archive)).Draw(rt, "imported"); n > 0 && rapid.IntRange(0, 2).Draw(rt, "now") == 0 {
				archive = rapid.Permutation(archive).Draw(rt, "order")
				b.load(archive[:n]...)
				archive = archive[n:]
			}
		}
		b.load(archive...)
		if diff := cmp.Diff(b.state(rt, live), b.state(rt, mixed)); diff != "" {
			rt.Fatalf("(-live +mixed):\n%s", diff)
		}
	})
	if found := b.verify(false); len(found) > 0 {
		t.Errorf("%d differences, first %q", len(found), found[0])
	}
}
