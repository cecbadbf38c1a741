package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"syncer/internal/fakeapi"
	"syncer/internal/pgtest"
)

// calls are arguments of every command that does something. A command that is not listed fails the test.
var calls = map[string][][]string{
	"sync":             {{"sync"}, {"sync", "--dry-run"}, {"sync", "--repo", "web", "--output", "json"}},
	"backfill":         {{"backfill"}, {"backfill", "--from", "observations.ndjson"}},
	"export":           {{"export", "--out", "observations.ndjson"}, {"export", "--format", "csv"}},
	"check":            {{"check"}, {"check", "--output", "json"}},
	"verify":           {{"verify"}, {"verify", "--repair"}},
	"status":           {{"status"}, {"status", "--output", "json"}},
	"migrate up":       {{"migrate", "up"}},
	"migrate down":     nil, // undoes what the others need; the next one connects as it does
	"migrate status":   {{"migrate", "status"}},
	"migrate validate": {{"migrate", "validate"}},
	"report top":       {{"report", "top"}},
	"report movers":    {{"report", "movers"}},
	"report stale":     {{"report", "stale"}},
	"report daily":     {{"report", "daily", "--format", "json"}},
	"report events":    {{"report", "events"}},
	"report coverage":  {{"report", "coverage"}},
	"report html":      {{"report", "html"}},
	"run":              nil, // see TestDaemonKeepsSecrets
	"demo":             nil, // is given no secret and makes up its own
	"version":          {{"version"}},
	"completion":       {{"completion", "bash"}},
	"settings":         {{"help", "settings"}},
}

// hidden are the secrets of this test's settings, and what they look like elsewhere.
var hidden = []string{"hunter2", publicKey, url.QueryEscape(publicKey)}

// wantNothingSecret searches a text that came from somewhere.
func wantNothingSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range hidden {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s holds the secret %q:\n%s", where, secret, text[max(0, i-300):min(len(text), i+100)])
		}
	}
	if found := signature.FindString(text); found != "" {
		t.Errorf("%s holds a signature, %s:\n%.3000s", where, found, text)
	}
}

// withPassword puts a password into a connection string that has none. The test server asks for none.
func withPassword(t *testing.T, dsn, password string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, set := u.User.Password(); !set {
		u.User = url.UserPassword(u.User.Username(), password)
	}
	return u.String()
}

// vault is settings that hold every kind of secret.
type vault struct {
	dir, dsn string
	env      []string
	mu       sync.Mutex
	pushed   bytes.Buffer
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{dir: t.TempDir(), dsn: pgtest.Empty(t)}
	world := fakeapi.NewWorld()
	world.SetAccounts(fakeapi.Account{PublicKey: publicKey, PrivateKey: privateKey, SecurityToken: securityToken})
	world.Fill("web", 5)
	server, err := fakeapi.NewServer(world)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		fmt.Fprintln(&v.pushed, r.URL.Path)
		_, _ = io.Copy(&v.pushed, r.Body)
	}))
	t.Cleanup(gateway.Close)
	for name, text := range map[string]string{
		"key": privateKey, "settings.yaml": `sources:
  - name: other
    api_base_url: ` + server.URL + `
    headers: {channel-key: hunter2-header}
    credentials: {public_key: ` + publicKey + `, private_key_file: key, security_token: ` + securityToken + `}
    projects: [{repos: [web]}]
`,
	} {
		if err := os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v.env = []string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + withPassword(t, v.dsn, dbPassword), "UCLOUD_API_BASE_URL=" + server.URL,
		"UCLOUD_PUBLIC_KEY=" + publicKey, "UCLOUD_PRIVATE_KEY_FILE=" + filepath.Join(v.dir, "key"), "UCLOUD_SECURITY_TOKEN=" + securityToken,
		"SYNCER_REPOS=web,gone", "SYNCER_RATE_LIMIT=0", "SYNCER_MAX_ATTEMPTS=1", "SYNCER_LOG_LEVEL=debug", "SYNCER_LISTEN=127.0.0.1:0",
		"SYNCER_CONFIG=" + filepath.Join(v.dir, "settings.yaml"), "SYNCER_METRICS_FILE=" + filepath.Join(v.dir, "metrics.prom"),
		"SYNCER_PUSHGATEWAY_URL=" + strings.Replace(gateway.URL, "://", "://user:hunter2-push@", 1),
	}
	return v
}

// run runs a command with some settings changed and returns all it says.
func (v *vault) run(t *testing.T, changed, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Env, cmd.Dir = slices.Concat(v.env, changed), v.dir
	out, _ := cmd.CombinedOutput() // it may fail; what it says counts
	return string(out)
}

// leaves are the commands that do something.
func leaves(cmd *cobra.Command, path string) (names []string) {
	for _, c := range cmd.Commands() {
		name := strings.TrimSpace(path + " " + c.Name())
		if c.HasSubCommands() {
			names = append(names, leaves(c, name)...)
		} else if c.Name() != "help" {
			names = append(names, name)
		}
	}
	return names
}

// TestCommandsKeepSecrets runs every command at debug level with settings that work and with settings that fail in each way, and
// searches what they print, write, push and keep.
func TestCommandsKeepSecrets(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	if out := v.run(t, nil, []string{"migrate", "up"}); !strings.Contains(out, "applied 00001") {
		t.Fatalf("migrate up: %s", out)
	}
	names := leaves((&app{}).rootCommand(), "")
	for name := range calls {
		if !slices.Contains(names, name) {
			t.Errorf("there is no command %q", name)
		}
	}
	changes := map[string][]string{
		"working":            nil,
		"as text":            {"SYNCER_LOG_FORMAT=text"},
		"wrong token":        {"UCLOUD_SECURITY_TOKEN=hunter2-wrong"},
		"unknown key":        {"UCLOUD_PUBLIC_KEY=hunter2-unknown"},
		"two private keys":   {"UCLOUD_PRIVATE_KEY=hunter2-second"},
		"unreadable number":  {"SYNCER_RATE_LIMIT=many", "UCLOUD_API_BASE_URL=ftp://user:hunter2-url@host"},
		"secrets in the URL": {"UCLOUD_API_BASE_URL=https://user:hunter2-url@127.0.0.1:1/?token=hunter2-query"},
		"no registry":        {"UCLOUD_API_BASE_URL=http://127.0.0.1:1"},
		"no gateway":         {"SYNCER_PUSHGATEWAY_URL=http://user:hunter2-push@127.0.0.1:1/hunter2-path?x=hunter2-query"},
		"no database":        {"DATABASE_URL=postgres://user:hunter2-other@127.0.0.1:1/d"},
		"broken DSN":         {"DATABASE_URL=postgres://user:hunter2%zz@127.0.0.1:1/d?sslmode=hunter2"},
		"DSN of keys":        {"DATABASE_URL=host=127.0.0.1 port=1 user=u password='hunter2 quoted' dbname=d connect_timeout=x"},
		"other scheme":       {"DATABASE_URL=mysql://user:hunter2-other@127.0.0.1:1/d"},
	}
	unread := map[string]bool{"wrong token": true, "unknown key": true, "no registry": true, "no gateway": true, "as text": true}
	ran := 0
	for _, name := range names {
		list, known := calls[name]
		if !known {
			t.Errorf("the test does not know the command %q", name)
		}
		for _, args := range list {
			for what, changed := range changes {
				if reads := slices.Contains([]string{"sync", "check", "backfill"}, args[0]); !reads && unread[what] {
					continue // it neither asks the registry nor tells a gateway
				}
				ran++
				wantNothingSecret(t, fmt.Sprintf("syncer %s, %s,", strings.Join(args, " "), what), v.run(t, changed, args))
			}
		}
	}
	if ran < 200 {
		t.Errorf("only %d calls", ran)
	}
	for _, file := range []string{"metrics.prom", "observations.ndjson"} {
		text, err := os.ReadFile(filepath.Join(v.dir, file))
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", file, len(text), err)
		}
		wantNothingSecret(t, file, string(text))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pushed.Len() == 0 {
		t.Error("nothing was pushed")
	}
	wantNothingSecret(t, "what is pushed", v.pushed.String())
	wantNothingSecret(t, "the database", dump(t, v.dsn))
}

// TestDaemonKeepsSecrets searches the daemon's log and pages.
func TestDaemonKeepsSecrets(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	d := startDaemon(t, withPassword(t, v.dsn, dbPassword), &fakeapi.Server{}, append(slices.Clone(v.env[2:]), "SYNCER_SCHEDULE=@every 1s")...)
	eventually(t, time.Minute, "two runs", func() bool { return d.metric(`syncer_runs_total{kind="sync",outcome="partial"}`) >= 2 })
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/vars", "/no/such?x=hunter"} {
		_, body := d.get(path)
		wantNothingSecret(t, path, body)
	}
	d.stop(syscall.SIGTERM)
	wantNothingSecret(t, "the daemon's log", strings.Join(d.log, "\n"))
	wantNothingSecret(t, "the database", dump(t, v.dsn))
}

// dump is every row of every table and view as text.
func dump(t *testing.T, dsn string) string {
	t.Helper()
	conn := connect(t, dsn)
	collect := func(sql string) []string {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	var text strings.Builder
	tables := collect(`SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
	    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`)
	for _, table := range tables {
		fmt.Fprintln(&text, strings.Join(collect(`SELECT r::text FROM `+table+` r`), "\n"))
	}
	if len(tables) < 10 || !strings.Contains(text.String(), "img-00001") {
		t.Errorf("a dump of %d tables that lacks what was synced", len(tables))
	}
	return text.String()
}
