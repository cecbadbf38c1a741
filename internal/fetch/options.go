package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// Encoding is how a request's parameters travel. The signature is the same for all.
type Encoding string

// The encodings. Form is what the vendor's own SDK sends; GET leaves a replayable signature in access logs on the way.
const (
	EncodingForm Encoding = "form" // POST, application/x-www-form-urlencoded
	EncodingJSON Encoding = "json" // POST, application/json
	EncodingGET  Encoding = "get"  // GET, everything in the query
)

// Which of a project's repos are looked up in the registry's own list, besides those that are named.
const (
	DiscoverNone    = "none"
	DiscoverPrivate = "private"
	DiscoverPublic  = "public"
	DiscoverAll     = "all"
)

// Defaults of Options.
const (
	defaultPageSize       = 100
	defaultConcurrency    = 4
	defaultRequestTimeout = 70 * time.Second // the gateway itself gives up after 60 s and says so
	defaultMaxAttempts    = 6
	defaultRetryBudget    = 200
)

// defaultZone is assumed of times that name no zone: the vendor's platform runs on China standard time.
var defaultZone = time.FixedZone("+08:00", 8*60*60)

// Credentials sign requests. SecurityToken is only set for temporary ones.
type Credentials struct {
	PublicKey, PrivateKey, SecurityToken string
}

// LogValue keeps credentials out of every log, whoever logs the struct that holds them.
func (Credentials) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// Project is a part of the account and the repos to be read in it.
type Project struct {
	ID       string   // empty: the account's default project
	Repos    []string // read always, discovered or not
	Discover string   // one of the Discover constants; empty means none
	Include  []string // globs (path.Match); a discovered repo must match one of them, if there are any
	Exclude  []string // globs; a discovered repo must match none of them
}

// Options describe a source. Zero values mean the defaults named beside them.
type Options struct {
	Name        string
	BaseURL     string
	Credentials Credentials
	// Refresh hands out new temporary credentials. It is asked when the registry does not know the token any more, and not
	// again before a request with the new ones succeeded.
	Refresh  func(context.Context) (Credentials, error)
	Headers  map[string]string // sent with every request, e.g. channel-key
	Zone     *time.Location    // of times that name no zone; +08:00
	Encoding Encoding          // form
	Projects []Project

	PageSize       int           // rows asked for; 100. Lowered where the server refuses it
	Concurrency    int           // requests in flight, all repos together; 4
	RateLimit      float64       // requests a second of all shards together; 0 = none
	Shards         int           // processes that share RateLimit; 1
	RequestTimeout time.Duration // of one attempt, body included; 70 s
	MaxAttempts    int           // of one request; 6
	RetryBudget    int           // retries a source may spend ahead of its successes, see retryBudget; 200

	Logger    *slog.Logger      // silent
	Transport http.RoundTripper // a clone of http.DefaultTransport with a pool as wide as Concurrency
	UserAgent string            // syncer
	Now       func() time.Time  // required: the clock
	Rand      func() float64    // in [0, 1), for jitter; math/rand
	// Observe is told of every request: its action, how it ended (ok, retry, throttle, refused, failed), and how long it took.
	Observe func(action, outcome string, took time.Duration)
}

// withDefaults fills the zero values in and reports all faults at once.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Now == nil {
		fault("no clock given")
	}
	if o.Credentials.PublicKey == "" || o.Credentials.PrivateKey == "" {
		fault("public and private key are both needed")
	}
	if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		fault("base URL must be http(s)://host, without anything secret in it") // not echoed: it might hold a password
	} else if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		fault("base URL of %q must hold no user, query or fragment", u.Host)
	}
	o.Encoding = cmp.Or(o.Encoding, EncodingForm)
	if !slices.Contains([]Encoding{EncodingForm, EncodingJSON, EncodingGET}, o.Encoding) {
		fault("encoding %q is none of form, json, get", o.Encoding)
	}
	for _, p := range o.Projects {
		if !slices.Contains([]string{"", DiscoverNone, DiscoverPrivate, DiscoverPublic, DiscoverAll}, p.Discover) {
			fault("discover %q is none of none, private, public, all", p.Discover)
		}
		for _, glob := range slices.Concat(p.Include, p.Exclude) {
			if _, err := path.Match(glob, ""); err != nil {
				fault("glob %q: %w", glob, err)
			}
		}
	}
	if o.PageSize < 0 || o.Concurrency < 0 || o.RateLimit < 0 || o.RequestTimeout < 0 || o.MaxAttempts < 0 || o.RetryBudget < 0 || o.Shards < 0 {
		fault("sizes, limits and times must not be negative")
	}
	if len(faults) > 0 {
		return o, fmt.Errorf("source %q: %w", o.Name, errors.Join(faults...))
	}
	o.Name = cmp.Or(o.Name, "default")
	o.PageSize = cmp.Or(o.PageSize, defaultPageSize)
	o.Concurrency = cmp.Or(o.Concurrency, defaultConcurrency)
	o.Shards = cmp.Or(o.Shards, 1)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, defaultRequestTimeout)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, defaultMaxAttempts)
	o.RetryBudget = cmp.Or(o.RetryBudget, defaultRetryBudget)
	o.UserAgent = cmp.Or(o.UserAgent, "syncer")
	o.Zone = cmp.Or(o.Zone, defaultZone)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Observe == nil {
		o.Observe = func(string, string, time.Duration) {}
	}
	if o.Transport == nil {
		o.Transport = transport(o.Concurrency)
	}
	if !strings.HasSuffix(o.BaseURL, "/") {
		o.BaseURL += "/"
	}
	return o, nil
}

// transport keeps as many idle connections as requests may be in flight; the default of two a host would make every
// further request open its own.
func transport(concurrency int) http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := base.Clone()
	t.OnProxyConnectResponse = onConnect
	t.MaxIdleConns, t.MaxIdleConnsPerHost = concurrency, concurrency
	return t
}
