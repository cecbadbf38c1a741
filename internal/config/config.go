// Package config is the whole configuration of syncer: one struct, filled from flags, then the environment, then a YAML
// file, then defaults, and checked as a whole so that every fault is told at once.
//
// Every setting has a variable and a place in the file; Settings lists them. The file adds what variables cannot say: several
// sources, each with projects of its own. The source that variables (and the top level of the file) describe is named
// "default".
package config

import (
	"log/slog"
	"strings"
	"time"
)

// Config is everything that can be set. Load returns it checked, so its users need not check again.
type Config struct {
	// DatabaseURL is a PostgreSQL address or local:DIR, complete with what the libpq variables said. Empty only when no
	// database was asked for.
	DatabaseURL Secret `koanf:"database_url"`

	// Access and Tuning describe the source "default"; sources of the file take from them what they do not say themselves.
	Access `koanf:",squash"`
	Tuning `koanf:",squash"`

	// ProjectID, Repos and Discover are the one project of the source "default".
	ProjectID string   `koanf:"project_id"`
	Repos     []string `koanf:"repos"`
	Discover  Discover `koanf:"discover"`

	// Sources are all registry accounts to be read: those of the file, and before them "default" when it names repos or
	// when the file has none.
	Sources []Source `koanf:"sources"`

	// AllowHTTP permits base URLs without TLS to hosts other than this machine.
	AllowHTTP bool `koanf:"allow_http"`

	// Shard is the part of the repos that this process reads.
	Shard Shard `koanf:"shard"`

	Schedule string `koanf:"schedule"` // cron spec of the daemon
	Timezone Zone   `koanf:"timezone"` // in which Schedule is read
	Listen   string `koanf:"listen"`   // address of the daemon's HTTP server, host:port

	Jitter      time.Duration `koanf:"jitter"`       // a run of the daemon begins at a random time within this of its moment
	RunTimeout  time.Duration `koanf:"run_timeout"`  // of a run of the daemon
	GracePeriod time.Duration `koanf:"grace_period"` // from the signal to stop until the process ends

	HistoryRetention Retention `koanf:"history_retention"`

	LogLevel  slog.Level `koanf:"log_level"`
	LogFormat string     `koanf:"log_format"` // text or json; empty: text on a terminal, json elsewhere

	PushgatewayURL Secret `koanf:"pushgateway_url"` // may hold a password
	MetricsFile    string `koanf:"metrics_file"`
}

// Access is where a registry's API is and who asks.
type Access struct {
	APIBaseURL  string      `koanf:"api_base_url"`
	Credentials Credentials `koanf:"credentials"`
}

// Credentials sign requests. SecurityToken belongs to temporary ones.
type Credentials struct {
	PublicKey     Secret `koanf:"public_key"`
	PrivateKey    Secret `koanf:"private_key"`
	SecurityToken Secret `koanf:"security_token"`
}

// Tuning is how hard one source is asked.
type Tuning struct {
	PageSize       int           `koanf:"page_size"`
	Concurrency    int           `koanf:"concurrency"`     // requests in flight
	RateLimit      float64       `koanf:"rate_limit"`      // requests a second, all shards together; 0: none
	RequestTimeout time.Duration `koanf:"request_timeout"` // of one attempt
	MaxAttempts    int           `koanf:"max_attempts"`    // of one request
}

// Source is one registry account.
type Source struct {
	Name     string `koanf:"name"`
	Access   `koanf:",squash"`
	Tuning   `koanf:",squash"`
	Headers  map[string]Secret `koanf:"headers"`   // sent with every request, such as channel-key
	TimeZone Zone              `koanf:"time_zone"` // of times that the registry writes without one
	Projects []Project         `koanf:"projects"`
}

// Project is what is read of one project of an account.
type Project struct {
	ID       string   `koanf:"id"` // empty: the account's default project
	Repos    []string `koanf:"repos"`
	Discover Discover `koanf:"discover"`
	Include  []string `koanf:"include"` // globs; of discovered repos only those that match one are read, when there are any
	Exclude  []string `koanf:"exclude"` // globs; discovered repos that match one are not read
}

// Discover says which of a project's repos are found by asking the registry.
type Discover string

// What can be discovered.
const (
	DiscoverNone    Discover = "none"
	DiscoverPrivate Discover = "private"
	DiscoverPublic  Discover = "public"
	DiscoverAll     Discover = "all"
)

// DefaultSource is the name of the source that variables describe.
const DefaultSource = "default"

// localPrefix marks a database address that is a folder with a private server.
const localPrefix = "local:"

// LocalDir returns the folder of a private database server, when the address asks for one.
func (c Config) LocalDir() (dir string, ok bool) {
	return strings.CutPrefix(c.DatabaseURL.Reveal(), localPrefix)
}
