package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"
)

var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (l *loader) checkSources(cfg *Config) {
	names := map[string]bool{}
	for _, c := range l.checks {
		c.checkName(names)
		c.checkBaseURL(cfg.AllowHTTP)
		c.checkCredentials()
		c.checkTuning()
		c.checkProjects()
	}
}

// sourceCheck reads and checks one source. path is empty for the one that variables describe.
type sourceCheck struct {
	*loader
	Source
	values values // by key
	path   string
	unread bool // what it is to read could not be understood
}

func (c *sourceCheck) fault(key, format string, args ...any) {
	v := c.values[key]
	where := v.origin
	if where == "" {
		where = c.at(join(c.path, key))
	}
	if !v.bad {
		c.loader.fault("%s: %s", where, fmt.Sprintf(format, args...))
	}
}

func (c *sourceCheck) checkName(taken map[string]bool) {
	switch {
	case c.Name == "" && c.blind:
	case c.Name == "":
		c.fault("name", "is missing: name the source; the name is part of every row, so choose one that lasts")
	case !sourceName.MatchString(c.Name):
		c.fault("name", "%q has other than letters, digits, dots, dashes and underscores, or is longer than 63", c.Name)
	case taken[c.Name] && c.Name == DefaultSource:
		c.fault("name", "%q is the source that variables and the top level of the file describe: choose another name", c.Name)
	case taken[c.Name]:
		c.fault("name", "%q is taken by another source: choose another name", c.Name)
	}
	taken[c.Name] = true
}

// checkBaseURL never quotes the URL: people put passwords into them.
func (c *sourceCheck) checkBaseURL(allowHTTP bool) {
	u, err := url.Parse(c.APIBaseURL)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		c.fault("api_base_url", "is not a base URL: write https://HOST, such as https://api.ucloud.cn")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		c.fault("api_base_url", "has a user, a query or a fragment: write https://HOST alone")
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		c.fault("api_base_url", "http:// to %s would send requests unencrypted: write https://, or set SYNCER_ALLOW_HTTP=true", u.Hostname())
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *sourceCheck) checkCredentials() {
	for _, key := range []struct {
		name, variable string
		value          Secret
	}{
		{"public_key", "UCLOUD_PUBLIC_KEY", c.Credentials.PublicKey},
		{"private_key", "UCLOUD_PRIVATE_KEY", c.Credentials.PrivateKey},
	} {
		switch {
		case !key.value.IsZero() || c.blind || c.values["credentials."+key.name].bad:
		case c.path == "":
			c.loader.fault("%s is missing: set it, or set %s to a file that holds it", key.variable, key.variable+fileSuffix)
		case c.says("credentials"):
			c.fault("credentials."+key.name, "is missing: set it, or %s", key.name+keyFileSuffix)
		default:
			c.fault("credentials."+key.name, "is missing: set it, %s, or %s", key.name+keyFileSuffix, key.variable)
		}
	}
}

// The bounds keep typing errors from becoming a flood or a stand-still; none is known to the API.
const (
	maxPageSize    = 10_000
	maxConcurrency = 256
	maxRateLimit   = 10_000
	maxTimeout     = time.Hour
	maxAttempts    = 20
)

func (c *sourceCheck) checkTuning() {
	c.checkRange("page_size", c.PageSize, maxPageSize)
	c.checkRange("concurrency", c.Concurrency, maxConcurrency)
	c.checkRange("max_attempts", c.MaxAttempts, maxAttempts)
	if r := c.RateLimit; math.IsNaN(r) || r < 0 || r > maxRateLimit {
		c.fault("rate_limit", "%v is not between 0 and %d requests a second", r, maxRateLimit)
	}
	if d := c.RequestTimeout; d <= 0 || d > maxTimeout {
		c.fault("request_timeout", "%s is not more than 0s and at most %s", d, maxTimeout)
	}
}

func (c *sourceCheck) checkRange(key string, n, high int) {
	if n < 1 || n > high {
		c.fault(key, "%d is not between 1 and %d", n, high)
	}
}

func (c *sourceCheck) checkProjects() {
	stands := map[string]bool{}
	reads := false
	for i := range c.Projects {
		p := &c.Projects[i]
		key := ""
		if c.path != "" {
			key = fmt.Sprintf("projects[%d].", i)
		}
		reads = reads || len(p.Repos) > 0 || p.Discover != DiscoverNone
		c.checkRepos(key+"repos", p.Repos, stands)
		c.checkGlobs(key+"include", p.Include)
		c.checkGlobs(key+"exclude", p.Exclude)
	}
	switch {
	case reads || c.blind || c.unread || c.loader.unread || c.values["repos"].bad || c.values["discover"].bad:
	case c.path == "":
		c.loader.fault("no repos to read: set SYNCER_REPOS to repo names, or SYNCER_DISCOVER to private, public or all")
	default:
		c.fault("projects", "name no repos to read: give a project repos, or discover: private, public or all")
	}
}

func (c *sourceCheck) checkRepos(key string, repos []string, stands map[string]bool) {
	for _, repo := range repos {
		switch {
		case strings.TrimSpace(repo) == "" || strings.ContainsFunc(repo, unicode.IsControl):
			c.fault(key, "%q is not the name of a repo", repo)
		case stands[repo]:
			c.fault(key, "%q stands twice: name a repo once per source", repo)
		}
		stands[repo] = true
	}
}

func (c *sourceCheck) checkGlobs(key string, globs []string) {
	for _, glob := range globs {
		if _, err := path.Match(glob, ""); err != nil {
			c.fault(key, "%q is not a pattern: write * for any text, ? for a character, [a-z] for a range", glob)
		}
	}
}
