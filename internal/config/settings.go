package config

// Setting is one thing that can be set, as people write it.
type Setting struct {
	Variable string // environment variable
	Key      string // place in the YAML file, levels separated by dots; empty: variable only
	Default  string // as it would be written; empty: none
	Secret   bool   // never printed, and VARIABLE_FILE and KEY_file name a file that holds it
	Help     string // one line

	need  Need                       // not even looked at by commands that need none of this; 0: looked at by all
	scope scope                      // what it is said of
	field func(*Config, *Source) any // pointer to what it sets; nil: asked for where it matters
}

// scope is what a setting is said of.
type scope uint8

const (
	ofProgram scope = iota // the whole
	ofDefault              // the one project of the source "default"
	ofSource               // each source: those of the file take it over when they do not say their own
	ofAsking               // likewise, and its variable or flag beats the file in every source: how hard to ask is for who starts the process to say
)

// fileSuffix and keyFileSuffix make the name of a setting that says where a secret lies.
const (
	fileSuffix    = "_FILE"
	keyFileSuffix = "_file"
)

// Settings lists everything that can be set by a variable, in the order in which it is explained. The file's `sources` has no
// variable.
func Settings() []Setting { //nolint:funlen // a table
	return []Setting{
		{Variable: "DATABASE_URL", Key: "database_url", Secret: true, need: NeedDatabase,
			Help:  "PostgreSQL 15 or later as postgres://USER:PASSWORD@HOST:PORT/DATABASE or key=value pairs; local:DIR runs a private server on DIR for the time of the command",
			field: func(c *Config, _ *Source) any { return &c.DatabaseURL }},
		{Variable: "PGHOST", need: NeedDatabase, Help: "libpq: server, used when DATABASE_URL is unset"},
		{Variable: "PGPORT", need: NeedDatabase, Help: "libpq: port"},
		{Variable: "PGDATABASE", need: NeedDatabase, Help: "libpq: database"},
		{Variable: "PGUSER", need: NeedDatabase, Help: "libpq: user"},
		{Variable: "PGPASSWORD", need: NeedDatabase, Secret: true, Help: "libpq: password, also for a DATABASE_URL without one"},
		{Variable: "PGPASSFILE", need: NeedDatabase, Help: "libpq: password file"},
		{Variable: "PGSSLMODE", need: NeedDatabase, Help: "libpq: TLS mode"},
		{Variable: "PGSSLROOTCERT", need: NeedDatabase, Help: "libpq: file with the certificate authorities to trust"},
		{Variable: "PGSERVICE", need: NeedDatabase, Help: "libpq: entry of the service file"},
		{Variable: "UCLOUD_PUBLIC_KEY", Key: "credentials.public_key", Secret: true, need: NeedSource, Help: "public key of the API", scope: ofSource,
			field: func(_ *Config, s *Source) any { return &s.Credentials.PublicKey }},
		{Variable: "UCLOUD_PRIVATE_KEY", Key: "credentials.private_key", Secret: true, need: NeedSource, Help: "private key of the API; signs and is never sent", scope: ofSource,
			field: func(_ *Config, s *Source) any { return &s.Credentials.PrivateKey }},
		{Variable: "UCLOUD_SECURITY_TOKEN", Key: "credentials.security_token", Secret: true, need: NeedSource, Help: "token of temporary credentials", scope: ofSource,
			field: func(_ *Config, s *Source) any { return &s.Credentials.SecurityToken }},
		{Variable: "UCLOUD_PROJECT_ID", Key: "project_id", Help: "project to read; sub-accounts must name one, others default to the account's own", scope: ofDefault,
			field: func(_ *Config, s *Source) any { return &s.Projects[0].ID }},
		{Variable: "UCLOUD_API_BASE_URL", Key: "api_base_url", Default: "https://api.ucloud.cn", Help: "API of the brand that issued the keys", scope: ofSource,
			field: func(_ *Config, s *Source) any { return &s.APIBaseURL }},
		{Variable: "SYNCER_ALLOW_HTTP", Key: "allow_http", Default: "false", Help: "permit http:// base URLs to hosts other than this machine",
			field: func(c *Config, _ *Source) any { return &c.AllowHTTP }},
		{Variable: "SYNCER_REPOS", Key: "repos", Help: "repo names, separated by commas", scope: ofDefault,
			field: func(_ *Config, s *Source) any { return &s.Projects[0].Repos }},
		{Variable: "SYNCER_DISCOVER", Key: "discover", Default: "none", Help: "none, private, public or all: ask the API which repos there are", scope: ofDefault,
			field: func(_ *Config, s *Source) any { return &s.Projects[0].Discover }},
		{Variable: "SYNCER_PAGE_SIZE", Key: "page_size", Default: "100", Help: "rows asked for in a request, 1 to 10000; lowered by itself where the server gives fewer", scope: ofAsking,
			field: func(_ *Config, s *Source) any { return &s.PageSize }},
		{Variable: "SYNCER_CONCURRENCY", Key: "concurrency", Default: "4", Help: "requests in flight per source, 1 to 256", scope: ofAsking,
			field: func(_ *Config, s *Source) any { return &s.Concurrency }},
		{Variable: "SYNCER_RATE_LIMIT", Key: "rate_limit", Default: "10", Help: "requests a second per source, all shards together; 0 for no limit", scope: ofAsking,
			field: func(_ *Config, s *Source) any { return &s.RateLimit }},
		{Variable: "SYNCER_REQUEST_TIMEOUT", Key: "request_timeout", Default: "70s", Help: "time for one attempt of a request; the API's gateway gives up after 60s", scope: ofAsking,
			field: func(_ *Config, s *Source) any { return &s.RequestTimeout }},
		{Variable: "SYNCER_MAX_ATTEMPTS", Key: "max_attempts", Default: "6", Help: "attempts of one request, 1 to 20", scope: ofAsking,
			field: func(_ *Config, s *Source) any { return &s.MaxAttempts }},
		{Variable: "SYNCER_SHARD", Key: "shard", Default: "0/1", Help: "I/N: read only the I-th of N parts of the repos, I from 0",
			field: func(c *Config, _ *Source) any { return &c.Shard }},
		{Variable: "JOB_COMPLETION_INDEX", Help: "I, when SYNCER_SHARD is unset; set by Kubernetes in Indexed Jobs"},
		{Variable: "SYNCER_SHARDS", Help: "N, when SYNCER_SHARD is unset"},
		{Variable: "SYNCER_SCHEDULE", Key: "schedule", Default: "7 * * * *", Help: "cron spec of the daemon",
			field: func(c *Config, _ *Source) any { return &c.Schedule }},
		{Variable: "SYNCER_TIMEZONE", Key: "timezone", Default: "UTC", Help: "zone of the schedule",
			field: func(c *Config, _ *Source) any { return &c.Timezone }},
		{Variable: "SYNCER_LISTEN", Key: "listen", Default: ":8080", Help: "address of the daemon's HTTP server",
			field: func(c *Config, _ *Source) any { return &c.Listen }},
		{Variable: "SYNCER_JITTER", Key: "jitter", Default: "0s", Help: "runs of the daemon begin at a random time within this of their moment",
			field: func(c *Config, _ *Source) any { return &c.Jitter }},
		{Variable: "SYNCER_RUN_TIMEOUT", Key: "run_timeout", Default: "6h", Help: "time for one run of the daemon, after which it is ended as if stopped",
			field: func(c *Config, _ *Source) any { return &c.RunTimeout }},
		{Variable: "SYNCER_GRACE_PERIOD", Key: "grace_period", Default: "25s", Help: "time from SIGTERM or SIGINT until the process ends, to finish the repos that are being read",
			field: func(c *Config, _ *Source) any { return &c.GracePeriod }},
		{Variable: "SYNCER_HISTORY_RETENTION", Key: "history_retention", Default: "0", Help: "how long history is kept, such as 13mo; 0 for ever; daily sums are always kept",
			field: func(c *Config, _ *Source) any { return &c.HistoryRetention }},
		{Variable: "SYNCER_LOOKS_RETENTION", Key: "looks_retention", Default: "0", Help: "how long it is kept what every run found in every repo, such as 3mo; 0 for as long as the history; daily numbers of looks are always kept",
			field: func(c *Config, _ *Source) any { return &c.LooksRetention }},
		{Variable: "SYNCER_LOG_LEVEL", Key: "log_level", Default: "info", Help: "debug, info, warn or error",
			field: func(c *Config, _ *Source) any { return &c.LogLevel }},
		{Variable: "SYNCER_LOG_FORMAT", Key: "log_format", Help: "text or json; unset: text on a terminal, json elsewhere",
			field: func(c *Config, _ *Source) any { return &c.LogFormat }},
		{Variable: "SYNCER_CONFIG", Help: "YAML file with settings"},
		{Variable: "SYNCER_PUSHGATEWAY_URL", Key: "pushgateway_url", Secret: true, Help: "Prometheus Pushgateway for the metrics of a one-shot run",
			field: func(c *Config, _ *Source) any { return &c.PushgatewayURL }},
		{Variable: "SYNCER_METRICS_FILE", Key: "metrics_file", Help: "file for the metrics of a one-shot run; the node exporter's textfile collector reads those that end in .prom",
			field: func(c *Config, _ *Source) any { return &c.MetricsFile }},
	}
}

// sourceTimeZone is the zone of times without one: the vendor's platform runs on China's clock.
const sourceTimeZone = "+08:00"
