package chaos_test

import (
	"fmt"
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

// seen are the images that a look at a part of the list saw, by its own word. Their number has to be right.
func (l *look) seen(t *testing.T, conn *pgx.Conn, list []fakeapi.Image) (seen []fakeapi.Image) {
	t.Helper()
	there := map[string]bool{}
	for _, r := range query[struct{ Image string }](t, conn, `SELECT image FROM reporting.images WHERE repo = $1 AND last_seen_at = $2`, l.Repo, l.At) {
		there[r.Image] = true
	}
	for _, img := range list {
		if there[img.Name] {
			seen = append(seen, img)
		}
	}
	n := query[struct{ N int }](t, conn, `SELECT images_seen FROM reporting.repo_syncs WHERE run_id = $1 AND repo = $2`, l.Run, l.Repo)[0].N
	if n != len(seen) || n == 0 {
		t.Errorf("run %d saw %d images of %s, %d of them are in the registry", l.Run, n, l.Repo, len(seen))
	}
	return seen
}

// follow lets the model take over the looks that were committed since it was last asked. They all saw the world as it is.
func (b *books) follow(t *testing.T, world *fakeapi.World, counts map[string]int64) (held bool, looks []look) {
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
		drifted := l.Status == "drifting" // a part of the list could not be read
		if drifted {
			want.Status, want.Complete, list = "drifting", false, l.seen(t, b.conn, list)
		}
		if b.truth.look(l.Repo, l.At, list, drifted) {
			held, want.Status, want.Complete = true, "held", false
		}
		if diff := cmp.Diff(want, l); diff != "" {
			t.Errorf("look (-want +got):\n%s", diff)
		}
	}
	return held, looks
}

// compare wants the reporting views to say what the model says.
func (b *books) compare(t *testing.T) {
	t.Helper()
	want := map[string]known{}
	wantDays, wantRepos := map[string]int64{}, map[string][2]int64{}
	wantLooks := map[string][3]int64{}
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
	gotLooks := map[string][3]int64{}
	for _, r := range query[struct {
		Repo                   string
		Day                    time.Time
		Looks, Complete, Pulls int64
	}](t, b.conn, `SELECT repo, day, looks, complete_looks, pulls FROM reporting.repo_daily WHERE looks > 0`) {
		gotLooks[r.Repo+" "+dayText(r.Day)] = [3]int64{r.Looks, r.Complete, r.Pulls}
	}
	if diff := cmp.Diff(wantLooks, gotLooks); diff != "" {
		t.Errorf("repo_daily (-want +got):\n%s", diff)
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
