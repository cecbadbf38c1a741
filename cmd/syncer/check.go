package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/fetch"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Before the first run: try everything that a run needs, and say what would be synced",
		Long: `Tries the configuration, each source's API and credentials, the database, the rights in it, its schema, and the clock. Each line
is ok, or fails and says how to mend it. Writes nothing (a folder that local:DIR names is made).

Ends with the exit code of the first thing that fails: 2 configuration or clock, 4 credentials, 5 API, 6 database or rights, 7 schema.`,
		Example: "  syncer check\n  syncer check --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context()) },
	}
}

// Limits of a check: somebody waits for it, so it does not try as patiently as a run does.
const (
	checkAttempts = 2
	checkTimeout  = 15 * time.Second
	listedRepos   = 10 // named of each source
)

// checkError is a check of which something failed.
type checkError struct{ code, failed, of int }

func (e checkError) Error() string { return fmt.Sprintf("%d of %d checks failed", e.failed, e.of) }

func (a *app) check(ctx context.Context) error {
	result := &checkResult{Checks: []checkLine{}, WouldSync: []checkRepos{}}
	cfg, log, err := a.load(config.Input{Need: config.NeedSource | config.NeedDatabase, Schedule: checkSchedule})
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			result.fail("configuration", exitUsage, line, "")
		}
	} else {
		result.ok("configuration", fmt.Sprintf("%d sources, shard %s, schedule %q in %s", len(cfg.Sources), cfg.Shard, cfg.Schedule, cfg.Timezone))
		c := checker{app: a, cfg: cfg, log: log, result: result}
		for _, s := range cfg.Sources {
			c.source(ctx, s)
		}
		c.database(ctx)
		c.clock()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := a.print(result, result.text); err != nil {
		return err
	}
	return result.failed()
}

// checker tries what a configuration names.
type checker struct {
	app    *app
	cfg    config.Config
	log    *slog.Logger
	result *checkResult

	skew  time.Duration
	timed bool // skew is known
}

// source tries address, credentials and projects of a source, and asks what there is to read.
func (c *checker) source(ctx context.Context, s config.Source) {
	name := "source " + s.Name
	opt := fetchOptions(c.cfg, s, c.log, c.app.now)
	opt.MaxAttempts, opt.RequestTimeout = min(opt.MaxAttempts, checkAttempts), min(opt.RequestTimeout, checkTimeout)
	source, err := fetch.New(opt)
	if err != nil {
		c.result.fail(name, exitUsage, err.Error(), "")
		return
	}
	checked := source.Check(ctx)
	if skew, ok := source.ClockSkew(); ok && (!c.timed || skew.Abs() > c.skew.Abs()) {
		c.skew, c.timed = skew, true
	}
	if checked != nil {
		for _, err := range each(checked) {
			c.sourceFailed(name, err)
		}
		return
	}
	c.result.ok(name, s.APIBaseURL+" answers, and the credentials are accepted")
	repos, err := source.Repos(ctx)
	if err != nil {
		c.sourceFailed(name, err)
	}
	c.result.wouldSync(s.Name, repos, c.cfg.Shard)
}

// each is the errors that one joins.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func (c *checker) sourceFailed(name string, err error) {
	switch {
	case errors.Is(err, registry.ErrRefused):
		c.result.fail(name, exitRefused, err.Error(), "set UCLOUD_PUBLIC_KEY and UCLOUD_PRIVATE_KEY to a pair that the brand at UCLOUD_API_BASE_URL issued")
	case errors.Is(err, registry.ErrProjectRefused):
		c.result.fail(name, exitRefused, err.Error(), "set UCLOUD_PROJECT_ID to a project that these keys may read, or let them be permitted to")
	case errors.Is(err, registry.ErrUnavailable):
		c.result.fail(name, exitUnavailable, err.Error(), "check UCLOUD_API_BASE_URL, the network and the proxy, or try again later")
	default:
		c.result.fail(name, exitUsage, err.Error(), "check the repo's name, and that it is of this account")
	}
}

// database tries the database, the rights in it and its schema.
func (c *checker) database(ctx context.Context) {
	_, local := c.cfg.LocalDir()
	err := withDSN(ctx, c.cfg, c.log, func(dsn string) error {
		s, err := store.Open(ctx, dsn, store.Options{Logger: c.log})
		if err != nil {
			return err
		}
		defer s.Close()
		version, err := s.ServerVersion(ctx)
		if err != nil {
			return err
		}
		if err := s.Writable(ctx); err != nil {
			return err
		}
		c.result.ok("database", "PostgreSQL "+version+" answers and may be written")
		missing, err := s.MissingPrivileges(ctx)
		switch {
		case err != nil:
			return err
		case len(missing) > 0:
			c.result.fail("privileges", exitDatabase, "the role lacks "+few(missing), privilegeAdvice(missing))
		default:
			c.result.ok("privileges", "the role may do all that a run does")
		}
		c.schema(ctx, s, local)
		return nil
	})
	switch {
	case err == nil:
	case errors.Is(err, store.ErrSchema):
		c.result.fail("database", exitSchema, err.Error(), "")
	case errors.Is(err, store.ErrReadOnly):
		c.result.fail("database", exitDatabase, err.Error(), "")
	case exitCode(ctx, err) == exitUsage:
		c.result.fail("database", exitUsage, err.Error(), "set DATABASE_URL to postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	default:
		c.result.fail("database", exitDatabase, err.Error(), "check DATABASE_URL, that the server runs and lets this machine in, and the password")
	}
}

// few names the first of a list that has no end where a role has no right at all.
func few(list []string) string {
	const most = 6
	if len(list) <= most+1 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// privilegeAdvice is how a role gets what it lacks.
func privilegeAdvice(missing []string) string {
	if slices.Contains(missing, "ownership of schema reporting") && !slices.ContainsFunc(missing, func(m string) bool { return strings.Contains(m, "syncer") }) {
		return "ALTER SCHEMA reporting OWNER TO the role, or use a database of syncer's own"
	}
	for _, m := range missing {
		if !strings.Contains(m, " on the database") {
			return "use the role that owns the schema, the one that ran syncer migrate up"
		}
	}
	return "GRANT CREATE, TEMPORARY ON DATABASE to the role, or use the database's owner"
}

func (c *checker) schema(ctx context.Context, s *store.Store, local bool) {
	err := s.CheckSchema(ctx)
	switch {
	case err == nil:
		c.result.ok("schema", "at the version that this program needs")
	case local && errors.Is(err, store.ErrSchema):
		c.result.ok("schema", "will be made or brought up to date by the first sync")
	case errors.Is(err, store.ErrSchema):
		c.result.fail("schema", exitSchema, err.Error(), "")
	default:
		c.result.fail("schema", exitDatabase, err.Error(), "")
	}
}

// clock compares this machine's clock with the registries'. Observations bear its time.
func (c *checker) clock() {
	switch {
	case !c.timed:
	case c.skew.Abs() > syncer.MaxSkew:
		c.result.fail("clock", exitUsage, fmt.Sprintf("differs by %s from the registry's", c.skew.Abs().Round(time.Second)), "set this machine's clock, by NTP")
	default:
		c.result.ok("clock", "agrees with the registry's")
	}
}
