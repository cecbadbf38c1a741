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
	DatabaseURL Secret

	// Sources are all registry accounts to be read: those of the file, and before them "default" when it names repos or
	// when the file has none.
	Sources []Source

	// AllowHTTP permits base URLs without TLS to hosts other than this machine.
	AllowHTTP bool

	// Shard is the part of the repos that this process reads.
	Shard Shard

	Schedule string // cron spec of the daemon
	Timezone Zone   // in which Schedule is read
	Listen   string // address of the daemon's HTTP server, host:port

	Jitter      time.Duration // a run of the daemon begins at a random time within this of its moment
	RunTimeout  time.Duration // of a run of the daemon
	GracePeriod time.Duration // from the signal to stop until the process ends

	HistoryRetention Retention // of the history
	LooksRetention   Retention // of what every run found in every repo; looks never outlive the history

	LogLevel  slog.Level
	LogFormat string // text or json; empty: text on a terminal, json elsewhere

	PushgatewayURL Secret // may hold a password
	MetricsFile    string
}

// Access is where a registry's API is and who asks.
type Access struct {
	APIBaseURL  string
	Credentials Credentials
}

// Credentials sign requests. SecurityToken belongs to temporary ones.
type Credentials struct {
	PublicKey     Secret
	PrivateKey    Secret
	SecurityToken Secret
}

// Tuning is how hard one source is asked.
type Tuning struct {
	PageSize       int
	Concurrency    int           // requests in flight
	RateLimit      float64       // requests a second, all shards together; 0: none
	RequestTimeout time.Duration // of one attempt
	MaxAttempts    int           // of one request
}

// Source is one registry account.
type Source struct {
	Name string
	Access
	Tuning
	Headers  map[string]Secret // sent with every request, such as channel-key
	TimeZone Zone              // of times that the registry writes without one
	Projects []Project
}

// Project is what is read of one project of an account.
type Project struct {
	ID       string // empty: the account's default project
	Repos    []string
	Discover Discover
	Include  []string // globs; of discovered repos only those that match one are read, when there are any
	Exclude  []string // globs; discovered repos that match one are not read
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
