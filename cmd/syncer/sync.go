package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/metrics"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// syncFlags are what sync can be told.
type syncFlags struct {
	repos           []string
	shard           string
	dryRun          bool
	migrate         bool
	onLocked        enum
	allowMassDelete []string
	maxFailed       tolerance
}

// tolerance is the flag's form of syncer.Tolerance.
type tolerance struct {
	syncer.Tolerance
	text string
}

func (t *tolerance) String() string { return t.text }
func (t *tolerance) Type() string   { return "N|P%" }

func (t *tolerance) Set(text string) (err error) {
	t.text = text
	t.Tolerance, err = syncer.ParseTolerance(text)
	return err
}

const (
	onLockedSkip = "skip"
	onLockedFail = "fail"
)

func (a *app) syncCommand() *cobra.Command {
	f := syncFlags{onLocked: enum{value: onLockedSkip, allowed: []string{onLockedSkip, onLockedFail}}}
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Read every repo once and write what changed",
		Long: `Reads all configured repos, or this process's shard of them, and writes images, history and the record of the run.
It ends with 0 when everything was read, 3 when some repos failed, drifted or are held back, 4 when the API refused the
credentials, 5 when the API could not be reached.`,
		Example: `  syncer sync
  syncer sync --repo web --repo default/base --dry-run
  syncer sync --shard 0/4 --max-failed-repos 5%`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.sync(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.repos, "repo", nil, "read only this repo, as `NAME` or SOURCE/NAME; may be repeated")
	flags.StringVar(&f.shard, "shard", "", "read only part `I/N` of the repos, I from 0")
	flags.BoolVar(&f.dryRun, "dry-run", false, "do all that the run would do, tell what came of it with the run's exit code, and keep nothing")
	flags.BoolVar(&f.migrate, "migrate", false, "bring the database's schema up to date first; always done for local:DIR")
	flags.Var(&f.onLocked, "on-locked", "what to do about a repo that another run is reading")
	flags.StringArrayVar(&f.allowMassDelete, "allow-mass-delete", nil, "believe that this `REPO` (or SOURCE/* for all of a source), or the images missing from it, are gone, however many; may be repeated")
	flags.Var(&f.maxFailed, "max-failed-repos", "how many repos may fail before the exit code tells (default 0)")
	return cmd
}

func (a *app) sync(ctx context.Context, f syncFlags) error {
	if f.dryRun && f.migrate {
		return usageError{errors.New("--dry-run writes nothing, so it cannot --migrate: run syncer migrate up before")}
	}
	in := config.Input{Need: config.NeedSource | config.NeedDatabase, Only: f.repos, Flags: map[string]config.Flag{}}
	if f.shard != "" {
		in.Flags["shard"] = config.Flag{Name: "--shard", Value: f.shard}
	}
	cfg, log, err := a.load(in)
	if err != nil {
		return err
	}
	m := metrics.New(version(), endingNames())
	m.NoDatabase() // until it has been read
	err = a.measuredRun(ctx, m, func() error { return a.syncOnce(ctx, cfg, in, m, f, log) })
	if !f.dryRun {
		a.exportMetrics(ctx, cfg, m, log)
	}
	return err
}

// syncOnce is the run of sync, whose result it prints.
func (a *app) syncOnce(ctx context.Context, cfg config.Config, in config.Input, m *metrics.Metrics, f syncFlags, log *slog.Logger) error {
	_, local := cfg.LocalDir()
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, (f.migrate || local) && !f.dryRun, func(s *store.Store) error {
			lanes, err := a.openLanes(cfg, in, m, log)
			if err != nil {
				return err
			}
			result, err := a.oneRun(ctx, s, cfg, lanes, m, f, log)
			if wantsMetrics(cfg) && !f.dryRun {
				a.readState(ctx, cfg, m, s, log)
			}
			var outcome outcomeError
			if result.Repos > 0 || err == nil || errors.As(err, &outcome) {
				if printErr := a.printSync(result); err == nil {
					err = printErr
				}
			}
			return err
		})
	})
}

// oneRun is the work of sync and of each run of the daemon: read everything once, write what changed, drop what is older than
// is to be kept.
func (a *app) oneRun(ctx context.Context, s *store.Store, cfg config.Config, lanes []syncer.Lane, m *metrics.Metrics, f syncFlags, log *slog.Logger) (syncResult, error) {
	bar := a.newProgress(ctx, "reading repos", log)
	var repos []registry.RepoSync
	opt := syncer.Options{
		Kind: registry.RunSync, Version: version(), Shard: cfg.Shard.Index, Shards: cfg.Shard.Count,
		Only: f.repos, MassDelete: f.allowMassDelete, FailOnLocked: f.onLocked.value == onLockedFail, MaxFailed: f.maxFailed.Tolerance,
		Grace: cfg.GracePeriod, Now: a.now, Logger: log, Progress: bar.show,
		// The record has all repos; of a dry run, which leaves none, all are shown.
		Each: func(r registry.RepoSync) {
			m.Repo(r)
			if f.dryRun || r.Status == registry.RepoFailed || r.Status == registry.RepoHeld || r.Status == registry.RepoDrifting {
				repos = append(repos, r)
			}
		},
	}
	res, err := syncer.New(measuredSink{storeSink{s, f.dryRun}, m, a.now}, lanes, opt).Run(ctx)
	bar.stop()
	if err == nil && !f.dryRun && ctx.Err() == nil {
		err = a.retain(ctx, s, cfg, log)
	}
	if err == nil && res.Outcome != syncer.Complete {
		err = outcomeError{res.Outcome, outcomeText(res)}
	}
	return newSyncResult(res, repos, f.dryRun), err
}

// outcomeText says in a line what was not as it should be, and what to do.
func outcomeText(res syncer.Result) string {
	sum := res.Summary
	switch res.Outcome {
	case syncer.Refused:
		return "the API refused the credentials or the permission: check UCLOUD_PUBLIC_KEY, UCLOUD_PRIVATE_KEY, UCLOUD_PROJECT_ID and UCLOUD_API_BASE_URL: " + sum.Error
	case syncer.Unavailable:
		return "the API cannot be reached or throttles: check UCLOUD_API_BASE_URL and the network, or try again later: " + sum.Error
	default:
		text := fmt.Sprintf("partial: of %d repos %d failed, %d drifted, %d are held back", res.Planned, sum.Failed, sum.Drifting, sum.Held)
		if sum.Held > 0 {
			text += " (see --allow-mass-delete)"
		}
		if sum.Error != "" {
			text += ": " + sum.Error
		}
		return text
	}
}
