package main

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/fetch"
	"syncer/internal/pgtest"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// account is a registry account with a past, what is configured of it, and the database that its runs write.
type account struct {
	t      *rapid.T
	test   *testing.T
	world  *fakeapi.World
	server *fakeapi.Server
	store  *store.Store
	conn   *pgx.Conn
	source string
	prefix string
	now    time.Time
}

// projects that the account has; org-2 holds nothing.
var projects = []string{"org-1", "org-2"}

func (a *account) name(i int) string { return fmt.Sprint(a.prefix, "r", i) }

// move changes the account as people do.
func (a *account) move() {
	for range rapid.IntRange(0, 3).Draw(a.t, "moves") {
		repo := a.name(rapid.IntRange(0, 6).Draw(a.t, "repo"))
		switch rapid.IntRange(0, 5).Draw(a.t, "move") {
		case 0:
			a.world.RemoveRepo(repo)
		case 1:
			a.world.AddRepo(fakeapi.Repo{Name: repo, ProjectID: "org-1", Shared: rapid.Bool().Draw(a.t, "shared")})
			a.world.Fill(repo, rapid.SampledFrom([]int{0, 1, 12, 40}).Draw(a.t, "images"))
		default:
			for _, img := range a.world.Images(repo) {
				switch rapid.IntRange(0, 6).Draw(a.t, "image") {
				case 0:
					a.world.RemoveImage(repo, img.Name)
				case 1, 2:
					a.world.Pull(repo, img.Name, 3)
				}
			}
		}
	}
}

// fault lets the API misbehave in ways that its clients cannot tell from the truth, or just can.
func (a *account) fault() {
	empty := faults.Body(`{"RetCode":0,"TotalCount":0,"RepoSet":[]}`)
	switch rapid.IntRange(0, 14).Draw(a.t, "fault") {
	case 0: // an outage, or another account's keys
		a.server.Set(fakeapi.Faults(fakeapi.Rule{Action: "GetRepo", Do: empty}, fakeapi.Rule{Action: "GetRepoImage", Do: faults.RetCode(230, "no such repo")}))
	case 1:
		a.server.Set(fakeapi.Faults(fakeapi.Rule{Action: "GetRepo", Do: empty}))
	case 2:
		a.server.Set(fakeapi.Faults(fakeapi.Rule{Action: "GetRepo", Do: empty},
			fakeapi.Rule{Action: "GetRepoImage", Repo: a.name(0), Do: faults.RetCode(230, "no such repo")}))
	case 3:
		a.server.Set(fakeapi.Faults(fakeapi.Rule{Action: "GetRepo", Do: faults.Body(`{"RetCode":0,"TotalCount":3,"RepoSet":[{"Name":"a"},{"Name":"b"},{"Name":"c"}]}`)}))
	case 4:
		a.server.Set(fakeapi.Faults(fakeapi.Rule{Action: "GetRepoImage", Repo: a.name(1), Do: faults.Body(`{"RetCode":0,"TotalCount":1,"ImageSet":[{"PullCount":7}]}`)}))
	default:
		a.server.Set(fakeapi.Faults())
	}
}

// project is what is configured at the time.
func (a *account) project() fetch.Project {
	p := fetch.Project{ID: rapid.SampledFrom([]string{"org-1", "org-1", "org-1", "org-2"}).Draw(a.t, "project")}
	if rapid.Bool().Draw(a.t, "discovers") {
		p.Discover = rapid.SampledFrom([]string{fetch.DiscoverAll, fetch.DiscoverPrivate}).Draw(a.t, "discover")
		return p
	}
	for i := range rapid.IntRange(1, 7).Draw(a.t, "named") {
		p.Repos = append(p.Repos, a.name(i))
	}
	return p
}

// run does one run as the command does it, through a source of its own or one that lives as long as the account.
func (a *account) run(source *fetch.Source, opt syncer.Options, dryRun bool) (syncResult, error) {
	var repos []registry.RepoSync
	opt.Each = func(r registry.RepoSync) { repos = append(repos, r) }
	res, err := syncer.New(storeSink{a.store, dryRun}, []syncer.Lane{{Source: source, Readers: 1}}, opt).Run(a.test.Context())
	r := newSyncResult(res, repos, false)
	r.RunID, r.Requests, r.Retries, r.Warnings = 0, 0, 0, nil
	r.Error = requestID.ReplaceAllString(r.Error, "")
	for i := range r.Details {
		r.Details[i].Error = requestID.ReplaceAllString(r.Details[i].Error, "")
	}
	if err == nil && res.Outcome != syncer.Complete {
		err = outcomeError{res.Outcome, outcomeText(res)}
	}
	return r, err
}

// requestID is what tells two requests from each other in an error.
var requestID = regexp.MustCompile(` \[request [^]]*\]`)

// number asks for one.
func (a *account) number(sql string, args ...any) (n int) {
	if err := a.conn.QueryRow(a.test.Context(), sql, args...).Scan(&n); err != nil {
		a.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// truth wants that no image and no repo of the account was taken for gone by a run that began at that moment.
func (a *account) truth(began time.Time) {
	for _, repo := range a.world.Repos() {
		if n := a.number(`SELECT count(*) FROM syncer.repos WHERE source = $1 AND name = $2 AND gone_at >= $3`, a.source, repo.Name, began); n > 0 {
			a.t.Fatalf("repo %s is there, and was taken for gone", repo.Name)
		}
		var names []string
		for _, img := range a.world.Images(repo.Name) {
			names = append(names, img.Name)
		}
		if n := a.number(`SELECT count(*) FROM syncer.images i JOIN syncer.repos r USING (repo_id)
WHERE r.source = $1 AND r.name = $2 AND i.name = ANY ($3) AND (i.missing_since >= $4 OR i.deleted_at >= $4)`, a.source, repo.Name, names, began); n > 0 {
			a.t.Fatalf("%d images of %s are there, and were taken for missing", n, repo.Name)
		}
	}
}

// Whatever becomes of an account, its configuration and its API: nothing that is there is ever taken for gone, a dry run says what
// the run after it says, its exit code included, and leaves nothing behind.
func TestRandomAccounts(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	m, err := store.NewMigrator(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	round, runs, held, gone, exits := 0, 0, 0, 0, map[int]int{}
	rapid.Check(t, func(rt *rapid.T) {
		if round++; round > accountsTried {
			return
		}
		world := fakeapi.NewWorld()
		world.SetAccounts(fakeapi.Account{PublicKey: "p", PrivateKey: "k"})
		for _, id := range projects {
			world.AddProject(fakeapi.Project{ID: id})
		}
		server, err := fakeapi.NewServer(world)
		if err != nil {
			rt.Fatal(err)
		}
		defer server.Close()
		a := &account{t: rt, test: t, world: world, server: server, store: s, conn: conn, source: fmt.Sprint("s", round),
			prefix: fmt.Sprint(round, "-"), now: time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)}
		for i := range rapid.IntRange(0, 7).Draw(rt, "repos") {
			world.AddRepo(fakeapi.Repo{Name: a.name(i), ProjectID: "org-1"})
			world.Fill(a.name(i), rapid.SampledFrom([]int{0, 1, 12, 40}).Draw(rt, "images"))
		}
		configured := a.project()
		for range rapid.IntRange(3, 8).Draw(rt, "runs") {
			a.now = a.now.Add(time.Duration(rapid.SampledFrom([]int{1, 1, 30, 400}).Draw(rt, "hours")) * time.Hour)
			a.move()
			a.fault()
			if rapid.IntRange(0, 4).Draw(rt, "configured anew") == 0 {
				configured = a.project()
			}
			source, err := fetch.New(fetch.Options{
				Name: a.source, BaseURL: server.URL, Credentials: fetch.Credentials{PublicKey: "p", PrivateKey: "k"}, Projects: []fetch.Project{configured},
				Concurrency: 1, PageSize: 10, MaxAttempts: 1, Now: func() time.Time { return a.now }, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				rt.Fatal(err)
			}
			opt := syncer.Options{Kind: registry.RunSync, Version: "test", Now: func() time.Time { return a.now }, Logger: slog.New(slog.DiscardHandler)}
			if rapid.IntRange(0, 5).Draw(rt, "some") == 0 {
				opt.Only = []string{a.name(rapid.IntRange(0, 6).Draw(rt, "only"))}
			}
			if rapid.IntRange(0, 3).Draw(rt, "shards") == 0 {
				opt.Shards, opt.Shard = 2, rapid.IntRange(0, 1).Draw(rt, "shard")
			}
			before := a.fingerprint()
			dry, dryErr := a.run(source, opt, true)
			if after := a.fingerprint(); before != after {
				rt.Fatalf("the dry run wrote: %s, %s", before, after)
			}
			run, runErr := a.run(source, opt, false)
			if diff := cmp.Diff(dry, run); diff != "" {
				rt.Fatalf("dry run and run (-dry +run):\n%s", diff)
			}
			if x, y := exitCode(a.test.Context(), dryErr), exitCode(a.test.Context(), runErr); x != y {
				rt.Fatalf("exit code %d of the dry run, %d of the run: %v, %v", x, y, dryErr, runErr)
			}
			a.truth(a.now)
			runs++
			held += run.ReposHeld
			exits[exitCode(a.test.Context(), runErr)]++
		}
		gone += a.number(`SELECT count(*) FROM syncer.repos WHERE source = $1 AND gone_at IS NOT NULL`, a.source)
	})
	t.Logf("%d runs, %d repos held, %d gone, exit codes %v", runs, held, gone, exits)
	if held == 0 || exits[exitPartial] == 0 || exits[exitOK] == 0 || exits[exitUsage] == 0 {
		t.Errorf("the accounts were too quiet: %d held, %d gone, exit codes %v", held, gone, exits)
	}
}

// accountsTried bounds the accounts: each is some ten runs.
const accountsTried = 40

// fingerprint is of every row of every table.
func (a *account) fingerprint() (sum string) {
	const sql = `SELECT md5(string_agg(x, '')) FROM (
    SELECT c.relname || md5(query_to_xml(format('SELECT md5(string_agg(t::text, %L ORDER BY t::text)) FROM %s t', ',', c.oid::regclass), true, false, '')::text) AS x
    FROM pg_class c WHERE c.relnamespace = 'syncer'::regnamespace AND c.relkind = 'r' ORDER BY c.relname) s`
	if err := a.conn.QueryRow(a.test.Context(), sql).Scan(&sum); err != nil {
		a.t.Fatalf("fingerprint: %v", err)
	}
	return sum
}
