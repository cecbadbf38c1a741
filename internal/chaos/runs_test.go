package chaos_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/fetch"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

const (
	publicKey  = "AK+public/key=="
	privateKey = "chaos-private-key"
)

// killed is the exit code of a process that a signal ended.
const killed = -1

// process is a run of the program.
type process struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// start starts the program against a schedule's registry and database.
func (s *schedule) start(args ...string) *process {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	s.t.Cleanup(cancel)
	p := &process{cmd: exec.CommandContext(ctx, binary, args...)}
	p.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + s.server.proxied(s.database), "UCLOUD_API_BASE_URL=" + s.api.URL,
		"UCLOUD_PUBLIC_KEY=" + publicKey, "UCLOUD_PRIVATE_KEY=" + privateKey, "SYNCER_RATE_LIMIT=0", "SYNCER_PAGE_SIZE=" + strconv.Itoa(s.page),
		"SYNCER_MAX_ATTEMPTS=3", "SYNCER_REQUEST_TIMEOUT=3s", "SYNCER_LISTEN=127.0.0.1:0",
	}
	if s.discover {
		p.cmd.Env = append(p.cmd.Env, "SYNCER_DISCOVER=all")
	} else {
		p.cmd.Env = append(p.cmd.Env, "SYNCER_REPOS="+strings.Join(s.town.repos, ","))
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// wait returns the exit code. A program that hangs is an error.
func (s *schedule) wait(p *process) int {
	s.t.Helper()
	began := time.Now()
	_ = p.cmd.Wait() // the code tells
	if time.Since(began) >= limit-time.Second {
		s.t.Errorf("%v hangs:\n%s", p.cmd.Args, shown(p.out.Bytes()))
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
}

// sink lets a run inside the test write into a store, as the program's own does.
type sink struct{ *store.Store }

func (s sink) Begin(ctx context.Context, run syncer.NewRun) (syncer.Record, error) {
	r, err := s.BeginRun(ctx, store.NewRun(run))
	if err != nil {
		return nil, err
	}
	return record{r}, nil
}

type record struct{ *store.Run }

func (r record) Apply(ctx context.Context, snaps []registry.Snapshot, allow func(registry.RepoKey) bool) ([]registry.RepoSync, error) {
	return r.Run.Apply(ctx, snaps, store.ApplyOptions{AllowMassDelete: allow})
}

// inside runs a sync in this process, by a clock that is wrong.
func (s *schedule) inside(ctx context.Context, t *testing.T, off time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	db, err := store.Open(ctx, s.server.proxied(s.database), store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	now := func() time.Time { return time.Now().Add(off) }
	project := fetch.Project{Repos: s.town.repos}
	if s.discover {
		project = fetch.Project{Discover: fetch.DiscoverAll}
	}
	source, err := fetch.New(fetch.Options{
		Name: "default", BaseURL: s.api.URL, Credentials: fetch.Credentials{PublicKey: publicKey, PrivateKey: privateKey},
		Projects: []fetch.Project{project}, PageSize: s.page, MaxAttempts: 3, Now: now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	_, err = syncer.New(sink{db}, []syncer.Lane{{Source: source, Readers: 2}}, syncer.Options{
		Kind: registry.RunSync, Version: "chaos", Shards: 1, Now: now, Logger: s.log,
	}).Run(ctx)
	return err
}

// ailments are ways in which a registry gives no answer for good. (An empty list is an answer.)
var ailments = []fakeapi.Fault{
	faults.HTTPStatus(503), faults.HTTPStatus(403), faults.RetCode(171, "Signature VerifyAC Error"), faults.RetCode(292, "Project [x] not exists"),
	faults.RetCode(299, "IAM permission"), faults.RetCode(230, "Params [RepoName] not available"), faults.RetCode(8039, "not exist"),
	faults.Redirect(302, "http://127.0.0.1:1/"), faults.Body(`null`), faults.Body(`[]`), faults.HTML(),
	faults.Truncated(), faults.Reset(),
}
