package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// binaryVariable names a built program; the scripts then run it instead of the one that is in the test binary.
const binaryVariable = "SYNCER_BINARY"

type mainWithDatabase struct{ *testing.M }

func (m mainWithDatabase) Run() int { return pgtest.Main(m.M) }

func TestMain(m *testing.M) {
	commands := map[string]func(){"syncer": main}
	if os.Getenv(binaryVariable) != "" {
		commands = nil
	}
	testscript.Main(mainWithDatabase{m}, commands)
}

// Secrets of the scripts' environment. None may show in any output of any script.
const (
	publicKey     = "AK+public/key=="
	privateKey    = "hunter2-private"
	securityToken = "hunter2-token"
	dbPassword    = "hunter2-database"
)

// TestScripts runs testdata/script. A script that says "database" at the beginning of a line gets an empty one.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{world: fakeapi.NewWorld()}
			if regexp.MustCompile(`(?m)^database`).Match(content) {
				s.dsn = pgtest.Empty(t)
			}
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: s.setup, RequireExplicitExec: true, RequireUniqueNames: true,
				UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"code": s.code, "interrupt": s.interrupt, "database": s.database, "registry": s.registry, "world": s.change,
					"sql": s.sql, "masked": masked, "truth": s.truth, "hold": s.hold, "mistake": s.mistake,
				},
			})
		})
	}
}

// script is what a script's commands share.
type script struct {
	dsn    string
	world  *fakeapi.World
	server *fakeapi.Server
}

func (s *script) setup(env *testscript.Env) error {
	if err := os.Chmod(filepath.Dir(env.WorkDir), 0o755); err != nil { // local:DIR runs as another user
		return err
	}
	env.Setenv("PGPASSWORD", dbPassword)
	path := os.Getenv(binaryVariable)
	if path == "" {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	bin := filepath.Join(env.WorkDir, ".bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
	return os.Symlink(path, filepath.Join(bin, "syncer"))
}

// code N COMMAND ARG... runs a command and wants its exit code.
func (s *script) code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	s.nothingSecret(ts, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// maxAnswer is how many lines say what is wrong, and how the command is used where the command line is.
const maxAnswer = 3

// mistake N PATTERN COMMAND ARG... is code N COMMAND ARG... that prints nothing, and on standard error what the pattern tells, in a
// few lines.
func (s *script) mistake(ts *testscript.TestScript, neg bool, args []string) {
	s.code(ts, neg, slices.Delete(slices.Clone(args), 1, 2))
	stderr := ts.ReadFile("stderr")
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("a mistake prints %q", out)
	}
	if !regexp.MustCompile(args[1]).MatchString(stderr) {
		ts.Fatalf("the answer does not tell %q:\n%s", args[1], stderr)
	}
	if n := strings.Count(stderr, "\n"); n > maxAnswer {
		ts.Fatalf("the answer has %d lines, more than %d:\n%s", n, maxAnswer, stderr)
	}
}

// signature is what a request's signature looks like.
var signature = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

func (s *script) nothingSecret(ts *testscript.TestScript, outputs ...string) {
	for _, out := range outputs {
		for _, secret := range []string{publicKey, privateKey, securityToken, dbPassword, "hunter2", "AK%2Bpublic"} {
			if strings.Contains(out, secret) {
				ts.Fatalf("the output holds the secret %q:\n%s", secret, out)
			}
		}
		if found := signature.FindString(out); found != "" {
			ts.Fatalf("the output holds a signature, %s:\n%s", found, out)
		}
	}
}

// interrupt SIGNAL N COMMAND ARG... runs a command, sends it the signal once the registry holds a request of it back, and
// wants its exit code.
func (s *script) interrupt(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	arrived := make(chan struct{}, 100)
	release := make(chan struct{})
	defer close(release)
	hang := faults.Hang(release)
	s.server.Set(fakeapi.FaultFunc(func(fakeapi.Request) fakeapi.Fault {
		arrived <- struct{}{}
		return hang
	}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path := os.Getenv(binaryVariable)
	if path == "" {
		path, err = exec.LookPath(args[2])
	} else {
		path, err = filepath.Abs(path)
	}
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, args[3:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "DATABASE_URL", "UCLOUD_API_BASE_URL", "UCLOUD_PUBLIC_KEY", "UCLOUD_PRIVATE_KEY",
		"UCLOUD_SECURITY_TOKEN", "SYNCER_REPOS", "SYNCER_GRACE_PERIOD"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	select {
	case <-arrived:
	case <-ctx.Done():
		ts.Fatalf("no request came: %s", out.String())
	}
	ts.Check(cmd.Process.Signal(signals[args[0]]))
	_ = cmd.Wait() // the code tells
	ts.Logf("%s", out.String())
	s.nothingSecret(ts, out.String())
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// database lets the program use the script's database.
func (s *script) database(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("DATABASE_URL", s.dsn)
}

// registry serves the script's world and lets the program read it.
func (s *script) registry(ts *testscript.TestScript, _ bool, _ []string) {
	s.world.SetAccounts(fakeapi.Account{PublicKey: publicKey, PrivateKey: privateKey, SecurityToken: securityToken})
	server, err := fakeapi.NewServer(s.world)
	ts.Check(err)
	ts.Defer(server.Close)
	s.server = server
	ts.Setenv("SYNCER_RATE_LIMIT", "0")
	ts.Setenv("UCLOUD_API_BASE_URL", server.URL)
	ts.Setenv("UCLOUD_PUBLIC_KEY", publicKey)
	ts.Setenv("UCLOUD_PRIVATE_KEY", privateKey)
	ts.Setenv("UCLOUD_SECURITY_TOKEN", securityToken)
}

// change is the command world: fill REPO N, pull REPO IMAGE N, push REPO IMAGE TAG, put REPO IMAGE N, remove REPO IMAGE, drop REPO, project ID, fail REPO STATUS, well.
func (s *script) change(ts *testscript.TestScript, _ bool, args []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		ts.Check(err)
		return n
	}
	ok := true
	switch args[0] {
	case "fill":
		s.world.AddRepo(fakeapi.Repo{Name: args[1]})
		s.world.Fill(args[1], number(2))
	case "pull":
		ok = s.world.Pull(args[1], args[2], int64(number(3)))
	case "push":
		ok = s.world.Push(args[1], args[2], args[3])
	case "put":
		s.world.PutImages(args[1], fakeapi.Image{Name: args[2], Pulls: int64(number(3)), Tag: "v1"})
	case "remove":
		ok = s.world.RemoveImage(args[1], args[2])
	case "project":
		s.world.AddProject(fakeapi.Project{ID: args[1]})
	case "drop":
		s.world.RemoveRepo(args[1])
	case "fail":
		s.server.Set(fakeapi.Faults(fakeapi.Rule{Repo: args[1], Do: faults.HTTPStatus(number(2))}))
	case "well":
		s.server.Set(fakeapi.Faults())
	default:
		ok = false
	}
	if !ok {
		ts.Fatalf("world: %v cannot be done", args)
	}
}

func (s *script) connect(ts *testscript.TestScript) (*pgx.Conn, context.Context) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.dsn)
	ts.Check(err)
	ts.Defer(func() { conn.Close(ctx) })
	return conn, ctx
}

// sql STATEMENT prints the rows it returns, columns separated by blanks.
func (s *script) sql(ts *testscript.TestScript, _ bool, args []string) {
	conn, ctx := s.connect(ts)
	rows, err := conn.Query(ctx, strings.Join(args, " "))
	ts.Check(err)
	for rows.Next() {
		values, err := rows.Values()
		ts.Check(err)
		fmt.Fprintln(ts.Stdout(), strings.Trim(fmt.Sprint(values), "[]"))
	}
	ts.Check(rows.Err())
}

// truth wants the live images of the database to be those of the world.
func (s *script) truth(ts *testscript.TestScript, _ bool, _ []string) {
	want := map[string]string{}
	for _, repo := range s.world.Repos() {
		for _, img := range s.world.Images(repo.Name) {
			want[repo.Name+" "+img.Name] = fmt.Sprint(img.Pulls, " ", img.Tag)
		}
	}
	conn, ctx := s.connect(ts)
	rows, err := conn.Query(ctx, `SELECT repo, image, pull_count, latest_tag FROM reporting.images WHERE missing_since IS NULL`)
	ts.Check(err)
	got := map[string]string{}
	var repo, image string
	var pulls int64
	var tag *string
	_, err = pgx.ForEachRow(rows, []any{&repo, &image, &pulls, &tag}, func() error {
		got[repo+" "+image] = fmt.Sprint(pulls, " ")
		if tag != nil {
			got[repo+" "+image] += *tag
		}
		return nil
	})
	ts.Check(err)
	if !maps.Equal(want, got) {
		ts.Fatalf("the database has %d images, the registry %d, or they differ:\n%v\n%v", len(got), len(want), got, want)
	}
}

// masks make outputs comparable: times, durations and what the build calls itself.
var masks = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z`), "YYYY-MM-DD hh:mm:ssZ"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|µs|m?s)\b`), "TOOK"},
	{regexp.MustCompile(`requests: \d+`), "requests: N"},
	{regexp.MustCompile(`PostgreSQL \d\S*( \(.*?\))?`), "PostgreSQL VERSION"},
	{regexp.MustCompile(`this program needs \d+`), "this program needs N"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// masked FILE WANT compares a file or stdout or stderr, without what differs from run to run, with a file of the script.
func masked(ts *testscript.TestScript, _ bool, args []string) {
	got := ts.ReadFile(args[0])
	for _, m := range masks {
		got = m.pattern.ReplaceAllString(got, m.mask)
	}
	ts.Check(os.WriteFile(ts.MkAbs("masked"), []byte(got), 0o600))
	if want := ts.ReadFile(args[1]); got != want {
		ts.Fatalf("%s differs from %s; it is\n%s", args[0], args[1], got)
	}
}
