package config

import (
	"net"
	"net/url"
	"strconv"
	"time"
)

// check completes what decoding left open and complains of everything that cannot work.
func (l *loader) check(cfg *Config) {
	if u := l.top["database_url"]; l.in.Need&NeedDatabase != 0 && !u.bad && (!l.blind || u.texts != nil) {
		l.checkDatabase(cfg)
	}
	if l.in.Need&NeedSource != 0 {
		l.checkShard(cfg)
		l.checkSources(cfg)
	}
	if l.in.Schedule != nil {
		if err := l.in.Schedule(cfg.Schedule); err != nil {
			l.faultAt("schedule", "%v", err)
		}
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		l.faultAt("listen", "%q is not HOST:PORT: write :8080 or 127.0.0.1:8080", cfg.Listen)
	}
	l.checkTimes(cfg)
	if f := cfg.LogFormat; f != "" && f != "text" && f != "json" {
		l.faultAt("log_format", "%q is not one of text, json", f)
	}
	if u := cfg.PushgatewayURL; !u.IsZero() && !isWebURL(u.Reveal()) {
		l.faultAt("pushgateway_url", "is not a URL: write http://HOST:PORT")
	}
}

// Bounds of the daemon's times. A process that is asked to end is not waited for any longer than this by anybody.
const maxGracePeriod = time.Hour

func (l *loader) checkTimes(cfg *Config) {
	if cfg.Jitter < 0 {
		l.faultAt("jitter", "must not be negative")
	}
	if cfg.RunTimeout < time.Second {
		l.faultAt("run_timeout", "must be at least 1s")
	}
	if g := cfg.GracePeriod; g < time.Second || g > maxGracePeriod {
		l.faultAt("grace_period", "must be from 1s to %s", maxGracePeriod)
	}
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// checkShard takes the shard from the variables of an Indexed Job when nobody set one.
func (l *loader) checkShard(cfg *Config) {
	index, _ := l.in.Lookup("JOB_COMPLETION_INDEX")
	count, _ := l.in.Lookup("SYNCER_SHARDS")
	n, err := strconv.Atoi(count)
	switch {
	case l.explicit("shard") || index == "" && count == "":
	case count == "":
		l.fault("JOB_COMPLETION_INDEX is set without SYNCER_SHARDS: set SYNCER_SHARDS to the job's number of completions")
	case err != nil || n < 1:
		l.fault("SYNCER_SHARDS: %q is not a whole number of at least 1", count)
	case index == "" && n > 1:
		l.fault("SYNCER_SHARDS is set without JOB_COMPLETION_INDEX: run an Indexed Job, or set SYNCER_SHARD to I/%d", n)
	case index == "":
	default:
		if err := cfg.Shard.UnmarshalText([]byte(index + "/" + count)); err != nil {
			l.fault("JOB_COMPLETION_INDEX: %q is not a shard of SYNCER_SHARDS, 0 to %d", index, n-1)
		}
	}
	if cfg.Shard.Count == 0 {
		cfg.Shard = Shard{0, 1}
	}
}
