package deploy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// composeFile is as much of docker-compose.yml as the tests look at.
type composeFile struct {
	Services map[string]struct {
		Environment map[string]string `yaml:"environment"`
		Profiles    []string          `yaml:"profiles"`
		Ports       []string          `yaml:"ports"`
		Grace       string            `yaml:"stop_grace_period"`
	} `yaml:"services"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeHoldsEverySetting(t *testing.T) {
	t.Parallel()
	const own, oneShot, kubernetes = "the database is compose's own", "for one-shot runs", "set in Kubernetes"
	excused := map[string]string{
		"DATABASE_URL": own, "PGPORT": own, "PGPASSFILE": own, "PGSSLROOTCERT": own, "PGSERVICE": own,
		"SYNCER_PUSHGATEWAY_URL": oneShot, "SYNCER_METRICS_FILE": oneShot,
		"JOB_COMPLETION_INDEX": kubernetes, "SYNCER_SHARDS": kubernetes,
		"SYNCER_LISTEN": "the published port leads to the default",
	}
	services := readCompose(t).Services
	names := services["syncer"].Environment
	equalSets(t, "settings that are missing", nil, lacking(names, excused))
	equalSets(t, "what is no setting", nil, unknown(names))
	equalSets(t, "secrets outside a file", nil, plainSecrets(names))
	for name := range excused {
		if _, ok := names[name]; ok {
			t.Errorf("%s is excused and stands there", name)
		}
	}
	equalSets(t, "what is no setting of the demo", nil, unknown(services["demo"].Environment))
}

func TestComposeFilePublishesOnlyToThisMachine(t *testing.T) {
	t.Parallel()
	published := 0
	for name, s := range readCompose(t).Services {
		if len(s.Profiles) != 1 {
			t.Errorf("%s is in %d profiles, want one: --profile demo must start nothing else", name, len(s.Profiles))
		}
		for _, port := range s.Ports {
			published++
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to the network", name, port)
			}
		}
	}
	if published == 0 {
		t.Error("nothing is published")
	}
}

// compose is a project of docker-compose.yml that ends with the test.
type compose struct {
	t    *testing.T
	tool []string
	env  []string
}

// tools are the compose tools at hand, by the words that call them.
func tools() [][]string {
	var found [][]string
	if exec.Command("docker", "compose", "version").Run() == nil {
		found = append(found, []string{"docker", "compose"})
	}
	if _, err := exec.LookPath("docker-compose"); err == nil {
		found = append(found, []string{"docker-compose"})
	}
	return found
}

func (c compose) run(ctx context.Context, args ...string) (string, error) {
	words := append(slices.Clone(c.tool), args...)
	return command(ctx, c.env, words[0], words[1:]...)
}

func (c compose) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(c.t.Context(), args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", strings.Join(c.tool, " "), strings.Join(args, " "), err, out)
	}
	return out
}

// newCompose prepares a project with every profile, the images under test, free ports, and the simulated registry's keys as
// secrets.
func newCompose(t *testing.T, tool []string) compose {
	t.Helper()
	secrets := t.TempDir() // its files are read as another user
	for name, value := range map[string]string{
		"postgres_password": "it's a $ecret", "reader_password": "the reader's",
		"ucloud_public_key": "fakeapi+public/key==", "ucloud_private_key": "fakeapi-private-key",
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return compose{t, tool, []string{
		fmt.Sprintf("COMPOSE_PROJECT_NAME=syncer-test-%d", os.Getpid()), "COMPOSE_PROFILES=sync,demo",
		"SYNCER_IMAGE=" + image, "DEMO_REGISTRY_IMAGE=" + registryImage, "SYNCER_SECRETS=" + secrets, "SYNCER_PORT=0", "DEMO_PORT=0",
		"UCLOUD_API_BASE_URL=http://demo-registry:8080", "SYNCER_ALLOW_HTTP=true", "SYNCER_REPOS=acme_web", "SYNCER_DISCOVER=none",
		"SYNCER_SCHEDULE=* * * * *",
	}}
}

// get asks a service's page.
func (c compose) get(service, path string) (status int, body string) {
	c.t.Helper()
	address := c.must("port", service, "8080")
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// eventually waits for what other processes do.
func (c compose) eventually(what string, ok func() (bool, string)) {
	c.t.Helper()
	var last string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		done, saw := ok()
		if done {
			return
		}
		last = saw
	}
	c.t.Fatalf("not within 3 minutes: %s; last seen: %s", what, last)
}

// psql asks a database of the project.
func (c compose) psql(service, password, query string) string {
	c.t.Helper()
	return c.must("exec", "-T", "-e", "PGPASSWORD="+password, service, "psql", "--host=127.0.0.1", "--username=syncer", "--dbname=syncer", "-Atc", query)
}

// TestComposeFileIsUnderstood by the compose plugin and by docker-compose 1.29, whichever is there, and what they print holds no
// secret of the shell's. deploy/compose/check asks the plugin's parser in any case.
func TestComposeFileIsUnderstood(t *testing.T) {
	t.Parallel()
	found := tools()
	if len(found) == 0 {
		t.Skip("neither docker compose nor docker-compose is installed")
	}
	for _, tool := range found {
		for _, profiles := range []string{"sync", "demo", "observability", "sync,demo,observability"} {
			c := compose{t, tool, []string{"COMPOSE_PROFILES=" + profiles}}
			c.env = append(c.env, "UCLOUD_PRIVATE_KEY=SHELLSECRET", "DATABASE_URL=postgres://u:SHELLSECRET@h/d", "PGPASSWORD=SHELLSECRET")
			out, err := c.run(t.Context(), "config")
			if err != nil || strings.Contains(out, "SHELLSECRET") || !strings.Contains(out, "services:") {
				t.Errorf("%s, profiles %s: %v\n%s", tool, profiles, err, out)
			}
		}
	}
}

// TestComposeRuns brings the daemon and the demo up, waits until both have synced from the simulated registry, and reads what
// they tell.
func TestComposeRuns(t *testing.T) {
	t.Parallel()
	needsDocker(t)
	found := tools()
	if len(found) == 0 {
		t.Fatal("neither docker compose nor docker-compose is installed")
	}
	buildImages(t)
	c := newCompose(t, found[0])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if t.Failed() {
			logs, _ := c.run(ctx, "logs", "--no-color", "--tail=50")
			t.Log(logs)
		}
		if out, err := c.run(ctx, "down", "--volumes", "--timeout=60"); err != nil {
			t.Errorf("tear down: %v\n%s", err, out)
		}
	})
	c.must("up", "--detach", "--no-build")

	for _, service := range []string{"syncer", "demo"} {
		c.eventually(service+" is ready", func() (bool, string) {
			status, body := c.get(service, "/readyz")
			return status == http.StatusOK, fmt.Sprint(status, " ", body)
		})
		c.eventually(service+" has read every repo completely", func() (bool, string) {
			out, err := c.run(t.Context(), "exec", "-T", service, "/syncer", "status", "--max-age", "1h")
			return err == nil, out
		})
	}
	c.daemonHasSynced()
	c.demoShowsThePast()
	c.stops("syncer")
	c.keepsItsData()
}

// keepsItsData takes the containers away and makes new ones: the data is in the volume, wherever the image would put it by itself.
func (c compose) keepsItsData() {
	c.t.Helper()
	const count = "SELECT count(*) FROM reporting.pull_history"
	before := c.psql("postgres", "it's a $ecret", count)
	c.must("down", "--timeout=60")
	c.must("up", "--detach", "--no-build", "postgres")
	c.eventually("the database is back", func() (bool, string) {
		out, err := c.run(c.t.Context(), "exec", "-T", "postgres", "pg_isready", "--host=127.0.0.1")
		return err == nil, out
	})
	if after := c.psql("postgres", "it's a $ecret", count); after != before || before == "0" {
		c.t.Errorf("history of %s rows before, %s after", before, after)
	}
}

func (c compose) daemonHasSynced() {
	c.t.Helper()
	if got := c.psql("postgres", "it's a $ecret", "SELECT DISTINCT source || '/' || repo FROM reporting.images"); got != "default/acme_web" {
		c.t.Errorf("the database holds images of %q, want default/acme_web", got)
	}
	if got := c.must("exec", "-T", "-e", "PGPASSWORD=the reader's", "postgres", "psql", "--host=127.0.0.1", "--username=reader", "--dbname=syncer",
		"-Atc", "SELECT count(*) > 0 FROM reporting.images"); got != "t" {
		c.t.Errorf("the reader sees %q", got)
	}
	if status, body := c.get("syncer", "/metrics"); status != http.StatusOK || !strings.Contains(body, "\nsyncer_database_up 1\n") {
		c.t.Errorf("metrics: %d\n%s", status, body)
	}
}

func (c compose) demoShowsThePast() {
	c.t.Helper()
	days := c.psql("demo-postgres", "demo", "SELECT count(DISTINCT day) > 80 FROM reporting.pulls_daily")
	sums := c.psql("demo-postgres", "demo", `SELECT (SELECT SUM(pulls) FROM reporting.pull_history) = (SELECT SUM(pulls) FROM reporting.pulls_daily)`)
	repos := c.psql("demo-postgres", "demo", "SELECT string_agg(repo, ' ' ORDER BY repo) FROM reporting.repos")
	if days != "t" || sums != "t" || repos != "acme_base acme_data acme_web" {
		c.t.Errorf("90 days: %s, sums agree: %s, repos: %s", days, sums, repos)
	}
	c.eventually("the page shows the demo's images", func() (bool, string) {
		status, body := c.get("demo", "/")
		return status == http.StatusOK && strings.Contains(body, "acme_web") && strings.Contains(body, "<svg"), fmt.Sprint(status)
	})
}

// stops checks that SIGTERM reaches the program, which has no shell around it, and that it ends within its grace time.
func (c compose) stops(service string) {
	c.t.Helper()
	id := c.must("ps", "-q", service)
	c.must("stop", service)
	code := docker(c.t, "inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", id)
	if term := fmt.Sprint(exitCodes(c.t)["SIGTERM"]); code != "0 false" && code != term+" false" {
		c.t.Errorf("stopped with exit code and out of memory: %s", code)
	}
}

// TestPrometheusConfig puts the files where compose mounts them and lets Prometheus' own tool read them.
func TestPrometheusConfig(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("promtool"); err != nil {
		const text = "promtool is not installed (Debian: apt-get install prometheus)"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "rules"), os.DirFS("prometheus")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("compose/prometheus.yml")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "prometheus.yml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t.Context(), nil, "promtool", "check", "config", filepath.Join(dir, "prometheus.yml"))
	if err != nil || !strings.Contains(out, "1 rule files found") {
		t.Errorf("%v\n%s", err, out)
	}
}
