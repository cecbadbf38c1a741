package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsOfVariables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		vars []string
		want []string
	}{
		{"nothing set", []string{"DATABASE_URL=", "UCLOUD_PUBLIC_KEY=", "UCLOUD_PRIVATE_KEY=", "SYNCER_REPOS="}, []string{
			"DATABASE_URL is missing: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or to local:DIR for a private server",
			"UCLOUD_PUBLIC_KEY is missing: set it, or set UCLOUD_PUBLIC_KEY_FILE to a file that holds it",
			"UCLOUD_PRIVATE_KEY is missing: set it, or set UCLOUD_PRIVATE_KEY_FILE to a file that holds it",
			"no repos to read: set SYNCER_REPOS to repo names, or SYNCER_DISCOVER to private, public or all",
		}},
		{"values that cannot be read", []string{"SYNCER_PAGE_SIZE=many", "SYNCER_RATE_LIMIT=x", "SYNCER_REQUEST_TIMEOUT=70", "SYNCER_DISCOVER=some",
			"SYNCER_ALLOW_HTTP=perhaps", "SYNCER_SHARD=4/4", "SYNCER_HISTORY_RETENTION=13 months", "SYNCER_LOG_LEVEL=loud", "SYNCER_TIMEZONE=Local"}, []string{
			`SYNCER_ALLOW_HTTP: "perhaps" is not true or false`,
			`SYNCER_SHARD: "4/4" is not I/N: write 0/4 for the first of four shards, 3/4 for the last`,
			`SYNCER_TIMEZONE: "Local" is not a time zone: write an IANA name such as Asia/Shanghai, or an offset such as +08:00`,
			`SYNCER_HISTORY_RETENTION: "13 months" is not a time to keep: write 13mo, 2y, 60w or 400d, or 0 to keep for ever`,
			`SYNCER_LOG_LEVEL: "loud" is not one of debug, info, warn, error`,
			`SYNCER_DISCOVER: "some" is not one of none, private, public, all`,
			`SYNCER_PAGE_SIZE: "many" is not a whole number`,
			`SYNCER_RATE_LIMIT: "x" is not a number`,
			`SYNCER_REQUEST_TIMEOUT: "70" wants a time with a unit, such as 70s or 2m`,
		}},
		{"values out of bounds", []string{"SYNCER_PAGE_SIZE=0", "SYNCER_CONCURRENCY=999", "SYNCER_RATE_LIMIT=NaN", "SYNCER_REQUEST_TIMEOUT=0s",
			"SYNCER_MAX_ATTEMPTS=-1", "SYNCER_LISTEN=8080", "SYNCER_LOG_FORMAT=xml", "SYNCER_PUSHGATEWAY_URL=host:9091", "SYNCER_REPOS=a,b,a"}, []string{
			"SYNCER_PAGE_SIZE: 0 is not between 1 and 10000",
			"SYNCER_CONCURRENCY: 999 is not between 1 and 256",
			"SYNCER_MAX_ATTEMPTS: -1 is not between 1 and 20",
			"SYNCER_RATE_LIMIT: NaN is not between 0 and 10000 requests a second",
			"SYNCER_REQUEST_TIMEOUT: 0s is not more than 0s and at most 1h0m0s",
			`SYNCER_REPOS: "a" stands twice: name a repo once per source`,
			`SYNCER_LISTEN: "8080" is not HOST:PORT: write :8080 or 127.0.0.1:8080`,
			`SYNCER_LOG_FORMAT: "xml" is not one of text, json`,
			"SYNCER_PUSHGATEWAY_URL: is not a URL: write http://HOST:PORT",
		}},
		{"times that make no sense", []string{"SYNCER_JITTER=-1s", "SYNCER_RUN_TIMEOUT=0s", "SYNCER_GRACE_PERIOD=90m"}, []string{
			"SYNCER_JITTER: must not be negative",
			"SYNCER_RUN_TIMEOUT: must be at least 1s",
			"SYNCER_GRACE_PERIOD: must be from 1s to 1h0m0s",
		}},
		{"http to a foreign host", []string{"UCLOUD_API_BASE_URL=http://api.example.com"}, []string{
			"UCLOUD_API_BASE_URL: http:// to api.example.com would send requests unencrypted: write https://, or set SYNCER_ALLOW_HTTP=true"}},
		{"http where it is allowed", []string{"UCLOUD_API_BASE_URL=http://api.example.com", "SYNCER_ALLOW_HTTP=true"}, nil},
		{"http to this machine", []string{"UCLOUD_API_BASE_URL=http://127.0.0.1:8080/"}, nil},
		{"http to this machine by IPv6", []string{"UCLOUD_API_BASE_URL=http://[::1]:8080"}, nil},
		{"host that only looks like this machine", []string{"UCLOUD_API_BASE_URL=http://127.0.0.1.example.com"}, []string{
			"UCLOUD_API_BASE_URL: http:// to 127.0.0.1.example.com would send requests unencrypted: write https://, or set SYNCER_ALLOW_HTTP=true"}},
		{"http to an address of the network", []string{"UCLOUD_API_BASE_URL=http://10.0.0.5"}, []string{
			"UCLOUD_API_BASE_URL: http:// to 10.0.0.5 would send requests unencrypted: write https://, or set SYNCER_ALLOW_HTTP=true"}},
		{"other scheme", []string{"UCLOUD_API_BASE_URL=ftp://api.example.com"}, []string{
			"UCLOUD_API_BASE_URL: is not a base URL: write https://HOST, such as https://api.ucloud.cn"}},
		{"password in the base URL", []string{"UCLOUD_API_BASE_URL=https://u:hunter2@api.example.com"}, []string{
			"UCLOUD_API_BASE_URL: has a user, a query or a fragment: write https://HOST alone"}},
		{"secret twice", []string{"UCLOUD_PRIVATE_KEY_FILE=/x"}, []string{
			"UCLOUD_PRIVATE_KEY and UCLOUD_PRIVATE_KEY_FILE are both set: unset one"}},
		{"secret in a missing file", []string{"UCLOUD_PRIVATE_KEY=", "UCLOUD_PRIVATE_KEY_FILE=/nowhere/key"}, []string{
			"UCLOUD_PRIVATE_KEY_FILE: read /nowhere/key: no such file or directory: name a readable file that holds the secret"}},
		{"missing file", []string{"SYNCER_CONFIG=/nowhere/syncer.yaml"}, []string{
			"SYNCER_CONFIG: read /nowhere/syncer.yaml: no such file or directory: name a readable YAML file"}},
		{"index without number", []string{"JOB_COMPLETION_INDEX=0"}, []string{
			"JOB_COMPLETION_INDEX is set without SYNCER_SHARDS: set SYNCER_SHARDS to the job's number of completions"}},
		{"number without index", []string{"SYNCER_SHARDS=4"}, []string{
			"SYNCER_SHARDS is set without JOB_COMPLETION_INDEX: run an Indexed Job, or set SYNCER_SHARD to I/4"}},
		{"index beyond number", []string{"JOB_COMPLETION_INDEX=4", "SYNCER_SHARDS=4"}, []string{
			`JOB_COMPLETION_INDEX: "4" is not a shard of SYNCER_SHARDS, 0 to 3`}},
		{"local without folder", []string{"DATABASE_URL=local:"}, []string{"DATABASE_URL: local: names no folder: write local:DIR"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, faults(t, Input{Lookup: env(tt.vars...)})); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// works is the beginning of a file that sets all that must be set.
const works = "repos: [r]\ncredentials: {private_key: k}\n"

func TestFaultsOfTheFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, content string
		want          []string // FILE stands for the path
	}{
		{"unknown keys beside wrong values", works + "pagesize: 5\nlog_level: loud\nsources: [{nam: x, credentials: {key: y}, projects: [{repo: z}]}]", []string{
			"FILE:3: pagesize: unknown key: remove it, or mend its spelling",
			`FILE:4: log_level: "loud" is not one of debug, info, warn, error`,
			"FILE:5: sources[0].nam: unknown key: remove it, or mend its spelling",
			"FILE:5: sources[0].credentials.key: unknown key: remove it, or mend its spelling",
			"FILE:5: sources[0].projects[0].repo: unknown key: remove it, or mend its spelling",
			"FILE:5: sources[0].name: is missing: name the source; the name is part of every row, so choose one that lasts",
			"FILE:5: sources[0].credentials.public_key: is missing: set it, or public_key_file",
			"FILE:5: sources[0].credentials.private_key: is missing: set it, or private_key_file",
			"FILE:5: sources[0].projects: name no repos to read: give a project repos, or discover: private, public or all",
		}},
		{"key in another case", works + "Page_Size: 5", []string{"FILE:3: Page_Size: unknown key: remove it, or mend its spelling"}},
		{"key with a dot", works + "credentials.security_token: x", []string{
			"FILE:3: credentials.security_token: unknown key: remove it, or mend its spelling"}},
		{"time without unit", works + "request_timeout: 70", []string{`FILE:3: request_timeout: "70" wants a time with a unit, such as 70s or 2m`}},
		{"half a number", works + "page_size: 1.5", []string{`FILE:3: page_size: "1.5" is not a whole number`}},
		{"list for a secret", "repos: [r]\ncredentials: {private_key: [hunter2]}", []string{"FILE:2: credentials.private_key: wants one value"}},
		{"mapping for a list", "repos: {r: s}\ncredentials:\n  private_key: k\n", []string{"FILE:1: repos: wants one value"}},
		{"list of lists", "repos: [r, [s], ~]\ncredentials:\n  private_key: k\n", []string{
			"FILE:1: repos: item 2 is not one value", "FILE:1: repos: item 3 is not one value"}},
		{"one value for a mapping", works + "sources: [x]", []string{
			"FILE:3: sources[0]: wants keys with values",
			"FILE:3: sources[0].name: is missing: name the source; the name is part of every row, so choose one that lasts",
			"FILE:3: sources[0].projects: name no repos to read: give a project repos, or discover: private, public or all",
		}},
		{"one value for the list of sources", "credentials: {private_key: k}\nsources: {name: x}", []string{"FILE:2: sources: wants a list"}},
		{"no settings at all", "hunter2", []string{"FILE: not a file of settings: write KEY: VALUE, a line for each setting"}},
		{"no YAML", "page_size: 5\n  x: [", []string{"FILE: not a file of settings: line 2: mapping values are not allowed in this context"}},
		{"secret that YAML takes for an anchor", "database_url: *hunter2", []string{
			"FILE: not a file of settings: unknown anchor: put a value that begins with * in quotes"}},
		{"anchor that holds itself", "sources: &a [*a]", []string{"FILE: not a file of settings: anchor 'a' value contains itself"}},
		{"key twice", works + "page_size: 1\npage_size: 2", []string{"FILE:4: page_size: stands in line 3 already: remove one"}},
		{"secret twice", "repos: [r]\ncredentials: {public_key: a, public_key_file: b, private_key: k}", []string{
			"FILE:2: credentials.public_key and public_key_file are both set: remove one"}},
		{"secret file that is not there", "repos: [r]\ncredentials:\n  private_key_file: /nowhere", []string{
			"FILE:3: credentials.private_key_file: read /nowhere: no such file or directory: name a readable file that holds the secret"}},
		{"sources that cannot work", `
repos: [r]
credentials: {private_key: k}
sources:
  - {name: a, projects: [{repos: [x]}, {repos: [x], include: ["["]}]}
  - {name: a, credentials: {public_key: p}, projects: [{id: org-1}]}
  - {name: default, api_base_url: "http://api.example.com", rate_limit: -1, projects: [{discover: all}]}
  - {name: "b/c", projects: [{discover: all}]}
  - {projects: [{discover: all}]}`, []string{
			`FILE:5: sources[0].projects[1].repos: "x" stands twice: name a repo once per source`,
			`FILE:5: sources[0].projects[1].include: "[" is not a pattern: write * for any text, ? for a character, [a-z] for a range`,
			`FILE:6: sources[1].name: "a" is taken by another source: choose another name`,
			"FILE:6: sources[1].credentials.private_key: is missing: set it, or private_key_file",
			"FILE:6: sources[1].projects: name no repos to read: give a project repos, or discover: private, public or all",
			`FILE:7: sources[2].name: "default" is the source that variables and the top level of the file describe: choose another name`,
			"FILE:7: sources[2].api_base_url: http:// to api.example.com would send requests unencrypted: write https://, or set SYNCER_ALLOW_HTTP=true",
			"FILE:7: sources[2].rate_limit: -1 is not between 0 and 10000 requests a second",
			`FILE:8: sources[3].name: "b/c" has other than letters, digits, dots, dashes and underscores, or is longer than 63`,
			"FILE:9: sources[4].name: is missing: name the source; the name is part of every row, so choose one that lasts",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, "syncer.yaml", tt.content)
			got := faults(t, Input{Lookup: env("SYNCER_REPOS=", "UCLOUD_PRIVATE_KEY="), File: path})
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], path, "FILE")
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Faults of the file, of variables and of flags, values that cannot be read and values that cannot work: all are told at once.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	path := write(t, "syncer.yaml", `
pagesize: 5
allow_http: perhaps
max_attempts: 99
sources:
  - name: cn
    time_zone: Mars
    rate_limit: fast
    credentials: {public_key: p}
    projects: [{repos: [x], exclude: ["["]}, {discover: some}]
  - {name: cn, projects: [{repos: {}}]}
`)
	got := faults(t, Input{
		Lookup:   env("SYNCER_PAGE_SIZE=abc", "SYNCER_CONCURRENCY=0", "UCLOUD_PRIVATE_KEY=", "DATABASE_URL="),
		File:     path,
		Flags:    map[string]Flag{"shard": {"--shard", "4/4"}, "listen": {"--listen", "8080"}},
		Schedule: func(string) error { return errors.New("never comes") },
	})
	want := []string{
		"FILE:2: pagesize: unknown key: remove it, or mend its spelling",
		`FILE:3: allow_http: "perhaps" is not true or false`,
		`--shard: "4/4" is not I/N: write 0/4 for the first of four shards, 3/4 for the last`,
		`SYNCER_PAGE_SIZE: "abc" is not a whole number`,
		`FILE:10: sources[0].projects[1].discover: "some" is not one of none, private, public, all`,
		`FILE:7: sources[0].time_zone: "Mars" is not a time zone: write an IANA name such as Asia/Shanghai, or an offset such as +08:00`,
		`FILE:8: sources[0].rate_limit: "fast" is not a number`,
		"FILE:11: sources[1].projects[0].repos: wants one value",
		"DATABASE_URL is missing: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or to local:DIR for a private server",
		"UCLOUD_PRIVATE_KEY is missing: set it, or set UCLOUD_PRIVATE_KEY_FILE to a file that holds it",
		"SYNCER_CONCURRENCY: 0 is not between 1 and 256",
		"FILE:4: max_attempts: 99 is not between 1 and 20",
		"FILE:9: sources[0].credentials.private_key: is missing: set it, or private_key_file",
		`FILE:10: sources[0].projects[0].exclude: "[" is not a pattern: write * for any text, ? for a character, [a-z] for a range`,
		`FILE:11: sources[1].name: "cn" is taken by another source: choose another name`,
		"FILE:11: sources[1].credentials.private_key: is missing: set it, private_key_file, or UCLOUD_PRIVATE_KEY",
		"FILE: schedule: never comes",
		`--listen: "8080" is not HOST:PORT: write :8080 or 127.0.0.1:8080`,
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], path, "FILE")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestMalformedAddressesGiveNothingAway(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://u:hun%ter2@h/d", "postgres://u:hunter2@h:hunter2/d", "postgres://u:hun/ter2@h/d",
		"postgres://u:hunter2@h/d?sslmode=hunter2", "mysql://u:hunter2@h/d", "host=h port=hunter2", "hunter2",
		"host=h password='hunter2", "postgres://u:hunter2@h/d?pool_max_conns=hunter2", "host=h password=hunter2 sslmode=verify-full sslrootcert=/nowhere",
	} {
		got := faults(t, Input{Lookup: env("DATABASE_URL=" + dsn)})
		if len(got) != 1 || !strings.HasPrefix(got[0], "DATABASE_URL: ") || strings.Contains(got[0], "\n") {
			t.Errorf("%s: %q, want one line", dsn, got)
		}
		for _, part := range []string{"hunter2", "hun", "ter2"} {
			if strings.Contains(strings.Join(got, "\n"), part) {
				t.Errorf("%s: %q quotes the password", dsn, got)
			}
		}
	}
}
