package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// env is a complete environment for one source and a database; extra are NAME=VALUE to set, or NAME= to unset.
func env(extra ...string) func(string) (string, bool) {
	values := map[string]string{
		"DATABASE_URL": "postgres://u@db.example/syncer", "UCLOUD_PUBLIC_KEY": "pub", "UCLOUD_PRIVATE_KEY": "priv", "SYNCER_REPOS": "a",
	}
	for _, pair := range extra {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) (string, bool) { v, ok := values[name]; return v, ok }
}

// write puts content into a new file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, in Input) Config {
	t.Helper()
	if in.Need == 0 {
		in.Need = NeedSource | NeedDatabase
	}
	cfg, err := Load(in)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

func faults(t *testing.T, in Input) []string {
	t.Helper()
	if in.Need == 0 {
		in.Need = NeedSource | NeedDatabase
	}
	_, err := Load(in)
	var f SettingErrors
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("Load: %T, want SettingErrors", err)
	}
	return f
}

var china = Zone{time.FixedZone("+08:00", 8*3600)}

func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b Zone) bool { return a.String() == b.String() }))
}

func defaultTuning() Tuning {
	return Tuning{PageSize: 100, Concurrency: 4, RateLimit: 10, RequestTimeout: 70 * time.Second, MaxAttempts: 6}
}

func TestLoadFromVariablesAlone(t *testing.T) {
	t.Parallel()
	got := load(t, Input{Lookup: env("SYNCER_REPOS= a, b ,,c", "UCLOUD_PROJECT_ID=org-1", "SYNCER_PAGE_SIZE=", "SYNCER_LOG_LEVEL=debug",
		"SYNCER_HISTORY_RETENTION=13mo", "SYNCER_LOOKS_RETENTION=60d", "SYNCER_SHARD=1/4", "UCLOUD_SECURITY_TOKEN=tok")})
	access := Access{APIBaseURL: "https://api.ucloud.cn", Credentials: Credentials{NewSecret("pub"), NewSecret("priv"), NewSecret("tok")}}
	want := Config{
		DatabaseURL: NewSecret("host='db.example' user='u' dbname='syncer'"),
		Sources: []Source{{Name: "default", Access: access, Tuning: defaultTuning(), TimeZone: china,
			Projects: []Project{{ID: "org-1", Repos: []string{"a", "b", "c"}, Discover: DiscoverNone}}}},
		Shard: Shard{1, 4}, Schedule: "7 * * * *", Listen: ":8080", HistoryRetention: Retention{Months: 13}, LooksRetention: Retention{Days: 60}, LogLevel: slog.LevelDebug,
		RunTimeout: 6 * time.Hour, GracePeriod: 25 * time.Second,
	}
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

const twoSources = `
log_level: warn
page_size: 50
request_timeout: 5s
sources:
  - name: cn
    projects:
      - id: org-1
        repos: [x, y]
      - id: org-2
        discover: all
        include: ["team-*"]
        exclude: ["*-old"]
  - name: other
    api_base_url: https://api.example.com
    credentials:
      public_key: other-pub
      private_key_file: key.txt
    headers: {channel-key: brand}
    time_zone: UTC
    page_size: 20
    rate_limit: 0
    projects: [{repos: [x]}]
`

func TestSourcesOfTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", twoSources)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "key.txt"), []byte("other-priv\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := load(t, Input{Lookup: env("SYNCER_REPOS=", "SYNCER_REQUEST_TIMEOUT=9s"), File: path}).Sources
	cn, other := defaultTuning(), defaultTuning()
	cn.PageSize, other.PageSize, other.RateLimit = 50, 20, 0
	cn.RequestTimeout, other.RequestTimeout = 9*time.Second, 9*time.Second
	want := []Source{
		{Name: "cn", Tuning: cn, TimeZone: china,
			Access: Access{"https://api.ucloud.cn", Credentials{PublicKey: NewSecret("pub"), PrivateKey: NewSecret("priv")}},
			Projects: []Project{
				{ID: "org-1", Repos: []string{"x", "y"}, Discover: DiscoverNone},
				{ID: "org-2", Discover: DiscoverAll, Include: []string{"team-*"}, Exclude: []string{"*-old"}},
			}},
		{Name: "other", Tuning: other, TimeZone: Zone{time.UTC}, Headers: map[string]Secret{"channel-key": NewSecret("brand")},
			Access:   Access{"https://api.example.com", Credentials{PublicKey: NewSecret("other-pub"), PrivateKey: NewSecret("other-priv")}},
			Projects: []Project{{Repos: []string{"x"}, Discover: DiscoverNone}}},
	}
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// What YAML would take for a number, a time or a truth is a name like any other.
func TestNamesAreTakenAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", `
page_size: # unset
repos: [1.10, 0100, 2026-01-02, yes, "null"]
sources:
  - &cn {name: cn, rate_limit: 3, projects: [{id: 007, repos: a, include: [1e3]}]}
  - {<<: *cn, name: "2"}
`)
	got := load(t, Input{Lookup: env("SYNCER_REPOS="), File: path}).Sources
	if d := cmp.Diff([]string{"1.10", "0100", "2026-01-02", "yes", "null"}, got[0].Projects[0].Repos); d != "" {
		t.Errorf("repos (-want +got)\n%s", d)
	}
	want := []Project{{ID: "007", Repos: []string{"a"}, Discover: DiscoverNone, Include: []string{"1e3"}}}
	for i, name := range []string{"cn", "2"} {
		if s := got[i+1]; s.Name != name || s.RateLimit != 3 || s.PageSize != 100 || !cmp.Equal(want, s.Projects) {
			t.Errorf("source %d is %v", i+1, s)
		}
	}
}

func TestDefaultSourceStandsBesideThoseOfTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", "sources: [{name: cn, projects: [{repos: [x]}]}]")
	var got []string
	for _, s := range load(t, Input{Lookup: env("SYNCER_CONFIG=" + path)}).Sources {
		got = append(got, s.Name)
	}
	if d := cmp.Diff([]string{"default", "cn"}, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", "schedule: file\nshard: 1/9\npage_size: 7\nmax_attempts: 3\n")
	got := load(t, Input{Lookup: env("SYNCER_SHARD=2/9", "SYNCER_PAGE_SIZE=8", "SYNCER_SCHEDULE="), File: path,
		Flags: map[string]Flag{"shard": {"--shard", "3/9"}}})
	source := got.Sources[0]
	if got.Schedule != "file" || got.Shard != (Shard{3, 9}) || source.PageSize != 8 || source.MaxAttempts != 3 || source.Concurrency != 4 {
		t.Errorf("schedule %q, shard %v, page size %d, attempts %d, concurrency %d; want file, 3/9, 8, 3, 4",
			got.Schedule, got.Shard, source.PageSize, source.MaxAttempts, source.Concurrency)
	}
}

func TestVariableBeatsASourceOfTheFileInTuningAlone(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", "sources: [{name: cn, api_base_url: 'https://cn.example', rate_limit: 3, projects: [{repos: [x]}]}]")
	got := load(t, Input{Lookup: env("SYNCER_REPOS=", "SYNCER_RATE_LIMIT=1.5", "UCLOUD_API_BASE_URL=https://env.example"), File: path}).Sources[0]
	if got.RateLimit != 1.5 || got.APIBaseURL != "https://cn.example" {
		t.Errorf("rate limit %v, base URL %s; want 1.5, https://cn.example", got.RateLimit, got.APIBaseURL)
	}
}

func TestNamedReposStandForTheOnlySource(t *testing.T) {
	t.Parallel()
	file := write(t, "syncer.yaml", "sources: [{name: cn, projects: [{repos: [x]}]}]")
	for _, tt := range []struct {
		name string
		in   Input
		want []string
	}{
		{"alone", Input{Lookup: env("SYNCER_REPOS="), Only: []string{"b", "default/c"}}, []string{"b", "c"}},
		{"beside the variable", Input{Lookup: env(), Only: []string{"b"}}, []string{"a"}},
		{"with discovery", Input{Lookup: env("SYNCER_DISCOVER=all"), Only: []string{"b"}}, []string{"a"}},
		{"with a file", Input{Lookup: env(), File: file, Only: []string{"b"}}, []string{"a"}},
	} {
		if d := cmp.Diff(tt.want, load(t, tt.in).Sources[0].Projects[0].Repos); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, d)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	key, dsn, pass := write(t, "key", "from file\r\n"), write(t, "dsn", "postgres://h/d\n"), write(t, "pass", "p'w\n")
	got := load(t, Input{Lookup: env("UCLOUD_PRIVATE_KEY=", "UCLOUD_PRIVATE_KEY_FILE="+key, "DATABASE_URL=", "DATABASE_URL_FILE="+dsn)})
	if got.Sources[0].Credentials.PrivateKey.Reveal() != "from file" || got.DatabaseURL.Reveal() != "host='h' dbname='d'" {
		t.Errorf("private key %q, address %q", got.Sources[0].Credentials.PrivateKey.Reveal(), got.DatabaseURL.Reveal())
	}
	got = load(t, Input{Lookup: env("DATABASE_URL=", "PGHOST=h", "PGUSER=u", "PGPASSWORD_FILE="+pass)})
	if want := `host='h' user='u' password='p\'w'`; got.DatabaseURL.Reveal() != want {
		t.Errorf("address %q, want %q", got.DatabaseURL.Reveal(), want)
	}
	got = load(t, Input{Lookup: env("DATABASE_URL=postgres://u@h/d?sslmode=disable", "PGPASSWORD=p w")})
	if want := `host='h' user='u' dbname='d' sslmode='disable' password='p w'`; got.DatabaseURL.Reveal() != want {
		t.Errorf("address %q, want %q", got.DatabaseURL.Reveal(), want)
	}
}

func TestPartsThatAreNotNeededAreNotLookedAt(t *testing.T) {
	t.Parallel()
	empty := func(name string) (string, bool) {
		return "/nowhere", strings.HasSuffix(name, "_FILE") // every secret in a file that is not there
	}
	none := func(string) (string, bool) { return "", false }
	if got := faults(t, Input{Lookup: none, Need: NeedSource, Flags: map[string]Flag{
		"repos": {"--repo", "a"}, "credentials.public_key": {"x", "p"}, "credentials.private_key": {"x", "p"},
	}}); got != nil {
		t.Errorf("without a database: %q", got)
	}
	file := write(t, "syncer.yaml", "credentials: {private_key_file: /nowhere}\nsources: [{name: a}]")
	lookup := func(name string) (string, bool) {
		if name == "DATABASE_URL" {
			return "local:/tmp/x", true
		}
		if strings.HasPrefix(name, "UCLOUD_") {
			return empty(name)
		}
		return "", false
	}
	if got := faults(t, Input{Lookup: lookup, Need: NeedDatabase, File: file}); got != nil {
		t.Errorf("without credentials: %q", got)
	}
	if dir, ok := load(t, Input{Lookup: lookup, Need: NeedDatabase}).LocalDir(); dir != "/tmp/x" || !ok {
		t.Errorf("LocalDir = %q, %t", dir, ok)
	}
}

func TestShardOfAnIndexedJob(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		vars []string
		want Shard
	}{
		{nil, Shard{0, 1}},
		{[]string{"JOB_COMPLETION_INDEX=3", "SYNCER_SHARDS=4"}, Shard{3, 4}},
		{[]string{"SYNCER_SHARDS=1"}, Shard{0, 1}},
		{[]string{"JOB_COMPLETION_INDEX=3", "SYNCER_SHARDS=4", "SYNCER_SHARD=0/1"}, Shard{0, 1}},
	} {
		if got := load(t, Input{Lookup: env(tt.vars...)}).Shard; got != tt.want {
			t.Errorf("%v: shard %v, want %v", tt.vars, got, tt.want)
		}
	}
}
