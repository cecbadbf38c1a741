package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"syncer/internal/fakeapi"
)

// books is a connection to a schedule's database and what is expected there.
type books struct {
	conn  *pgx.Conn
	truth *model
	taken map[string]bool // run and repo of looks that the model has
}

// query collects rows as structs of type T by position.
func query[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return list
}

// quiet waits until no program is connected: what a killed one sent last may still be at work.
func quiet(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	deadline := time.After(limit)
	for {
		var others int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others); err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond): // another process's end is nothing to be told of
		case <-deadline:
			t.Fatalf("%d connections of programs that have ended are still open", others)
		}
	}
}

type look struct {
	Run      int64
	Repo     string
	Status   string
	Complete bool
	At       time.Time
}

// answers tells what the registry gave of a repo's list: how many of its rows for certain, how many at most, and whether it
// failed to answer a request.
type answers func(repo string) (least, most int, failed bool)

// follow lets the model take over the looks that were committed since it was last asked. They all saw the world as it is, or
// the part of it that the registry gave.
func (b *books) follow(t *testing.T, world *fakeapi.World, counts map[string]int64, given answers) (held bool, looks []look) {
	t.Helper()
	for _, l := range query[look](t, b.conn, `SELECT run_id, repo, status, complete, finished_at FROM reporting.repo_syncs
	    WHERE status IN ('ok', 'drifting', 'held') ORDER BY finished_at`) {
		key := fmt.Sprint(l.Run, " ", l.Repo)
		if b.taken[key] {
			continue
		}
		b.taken[key] = true
		looks = append(looks, l)
		list := world.Images(l.Repo)
		for i := range list {
			if count, moving := counts[l.Repo+" "+list[i].Name]; moving {
				list[i].Pulls = count
			}
		}
		want := look{Run: l.Run, Repo: l.Repo, Status: "ok", Complete: true, At: l.At}
		least, most, failed := given(l.Repo)
		part := failed && l.Status == "drifting"
		if part {
			want.Status, want.Complete = "drifting", false
			list = b.seen(t, l, list)
			if len(list) < max(least, 1) || len(list) > most {
				t.Errorf("%s: %d images were seen in a look at a part of the list, the registry gave %d to %d", l.Repo, len(list), least, most)
			}
		}
		if b.truth.look(l.Repo, l.At, list, !part) {
			held, want.Status, want.Complete = true, "held", false
		}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("look (-want +got):\n%s", diff)
		}
	}
	return held, looks
}

// seen leaves of a list what the database says a look saw.
func (b *books) seen(t *testing.T, l look, list []fakeapi.Image) []fakeapi.Image {
	t.Helper()
	names := map[string]bool{}
	for _, r := range query[struct{ Image string }](t, b.conn, `SELECT image FROM reporting.images WHERE repo = $1 AND last_seen_at = $2`, l.Repo, l.At) {
		names[r.Image] = true
	}
	return slices.DeleteFunc(list, func(img fakeapi.Image) bool { return !names[img.Name] })
}

// compare wants the reporting views to say what the model says.
func (b *books) compare(t *testing.T) {
	t.Helper()
	want := map[string]known{}
	wantDays, wantRepos := map[string]int64{}, map[string][2]int64{}
	wantLooks, wantEvents := map[string][4]int64{}, map[string][]string{}
	for _, repo := range b.truth.names() {
		s := b.truth.repos[repo]
		for name, k := range s.images {
			want[repo+" "+name] = *k
			for day, pulls := range k.daily() {
				wantDays[repo+" "+name+" "+day] = pulls
			}
		}
		images, count := s.live()
		wantRepos[repo] = [2]int64{images, count}
		for day, looks := range s.looks {
			wantLooks[repo+" "+day] = looks
		}
		if len(s.events) > 0 {
			wantEvents[repo] = s.events
		}
	}
	options := cmp.Options{cmpopts.IgnoreUnexported(known{}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, b.images(t), options); diff != "" {
		t.Errorf("images and history (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantDays, b.days(t)); diff != "" {
		t.Errorf("pulls_daily (-want +got):\n%s", diff)
	}
	gotRepos := map[string][2]int64{}
	for _, r := range query[struct {
		Repo          string
		Images, Count int64
	}](t, b.conn, `SELECT repo, images, pull_count FROM reporting.repos WHERE first_seen_at IS NOT NULL`) {
		gotRepos[r.Repo] = [2]int64{r.Images, r.Count}
	}
	if diff := cmp.Diff(wantRepos, gotRepos); diff != "" {
		t.Errorf("repos (-want +got):\n%s", diff)
	}
	gotLooks := map[string][4]int64{}
	for _, r := range query[struct {
		Repo                          string
		Day                           time.Time
		Looks, Complete, Pulls, Rises int64
	}](t, b.conn, `SELECT repo, d.day, d.looks, d.complete_looks, d.pulls, b.rises
	    FROM reporting.repo_daily d JOIN syncer.repos r ON r.name = d.repo JOIN syncer.repo_days b USING (repo_id, day) WHERE d.looks > 0`) {
		gotLooks[r.Repo+" "+dayText(r.Day)] = [4]int64{r.Looks, r.Complete, r.Pulls, r.Rises}
	}
	if diff := cmp.Diff(wantLooks, gotLooks); diff != "" {
		t.Errorf("repo_daily (-want +got):\n%s", diff)
	}
	gotEvents := map[string][]string{}
	for _, r := range query[struct {
		Repo, Event string
		At          time.Time
	}](t, b.conn, `SELECT repo, event, at FROM reporting.repo_events ORDER BY at`) {
		gotEvents[r.Repo] = append(gotEvents[r.Repo], eventText(r.At, r.Event))
	}
	if diff := cmp.Diff(wantEvents, gotEvents); diff != "" {
		t.Errorf("repo_events (-want +got):\n%s", diff)
	}
}

func (b *books) images(t *testing.T) map[string]known {
	t.Helper()
	got := map[string]known{}
	for _, r := range query[struct {
		Repo, Image             string
		Count, Generation       int64
		Tag                     string
		FirstSeen, LastSeen     time.Time
		MissingSince, DeletedAt *time.Time
	}](t, b.conn, `SELECT repo, image, pull_count, generation, latest_tag, first_seen_at, last_seen_at, missing_since, deleted_at
	    FROM reporting.images`) {
		got[r.Repo+" "+r.Image] = known{
			Count: r.Count, Generation: r.Generation, Tag: r.Tag, FirstSeen: r.FirstSeen, LastSeen: r.LastSeen,
			MissingSince: r.MissingSince, DeletedAt: r.DeletedAt,
		}
	}
	for _, r := range query[struct {
		Repo, Image string
		At          time.Time
		Since       *time.Time
		Count       int64
		Pulls       *int64
		Kind        string
		Generation  int64
	}](t, b.conn, `SELECT repo, image, observed_at, since, pull_count, pulls, kind, generation FROM reporting.pull_history ORDER BY observed_at`) {
		k := got[r.Repo+" "+r.Image]
		k.History = append(k.History, row{r.At, r.Since, r.Count, r.Pulls, r.Kind, r.Generation})
		got[r.Repo+" "+r.Image] = k
	}
	for _, r := range query[struct {
		Repo, Image, Event string
		At                 time.Time
	}](t, b.conn, `SELECT repo, image, event, at FROM reporting.image_events
	    ORDER BY at, array_position(ARRAY['appeared', 'reappeared', 'tag_pushed', 'reset', 'missing', 'deleted'], event)`) {
		k := got[r.Repo+" "+r.Image]
		k.event(r.At, r.Event)
		got[r.Repo+" "+r.Image] = k
	}
	return got
}

func (b *books) days(t *testing.T) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for _, r := range query[struct {
		Repo, Image string
		Day         time.Time
		Pulls       *int64
	}](t, b.conn, `SELECT repo, image, day, pulls FROM reporting.pulls_daily`) {
		pulls := int64(-1)
		if r.Pulls != nil {
			pulls = *r.Pulls
		}
		got[r.Repo+" "+r.Image+" "+dayText(r.Day)] = pulls
	}
	return got
}

// settled wants what must hold when all is quiet after a good run: nothing is open, nothing of the registry is thought gone, and
// of images that were only ever pulled every pull is counted once.
func (b *books) settled(t *testing.T, world *fakeapi.World, steady func(image string) bool) {
	t.Helper()
	left := query[struct{ Running, Locks int64 }](t, b.conn, `SELECT (SELECT count(*) FROM reporting.runs WHERE status = 'running'),
	    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)[0]
	if left.Running != 0 || left.Locks != 0 {
		t.Errorf("%d runs and %d locks are left", left.Running, left.Locks)
	}
	sums := map[string]int64{}
	for _, r := range query[struct {
		Repo, Image string
		Sum         int64
		Gone        bool
	}](t, b.conn, `SELECT repo, image, sum(coalesce(pulls, h.pull_count))::bigint, bool_or(missing_since IS NOT NULL)
	    FROM reporting.pull_history h JOIN reporting.images USING (source, repo, image) GROUP BY 1, 2`) {
		if !r.Gone {
			sums[r.Repo+" "+r.Image] = r.Sum
		}
	}
	for _, repo := range world.Repos() {
		for _, img := range world.Images(repo.Name) {
			key := repo.Name + " " + img.Name
			sum, found := sums[key]
			if !found {
				t.Errorf("%s is in the registry and thought gone", key)
			}
			if steady(key) && sum != img.Pulls {
				t.Errorf("%s: first count and pulls add up to %d, the registry says %d", key, sum, img.Pulls)
			}
		}
	}
}

// shown shortens a program's output for a test's log.
func shown(out []byte) string {
	const longest = 3000
	text := strings.TrimSpace(string(out))
	return text[max(0, len(text)-longest):]
}
