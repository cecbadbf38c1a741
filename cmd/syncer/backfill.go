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
	"syncer/internal/metrics"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// backfillFlags are what backfill can be told.
type backfillFlags struct {
	repos     []string
	migrate   bool
	shard     string
	resume    bool
	restart   bool
	rateShare int
	wait      time.Duration

	from    string
	source  string
	image   string
	skipBad bool
	dryRun  bool
}

// defaultRateShare leaves half of what the registry allows to the runs of the schedule.
const defaultRateShare = 50

// defaultHeldWait is long enough for a run that reads and writes a few repos at a time.
const defaultHeldWait = 30 * time.Second

func (a *app) backfillCommand() *cobra.Command {
	var f backfillFlags
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Read every repo once and survive interruptions, or import observations from an archive",
		Long: `Without --from: reads every repo, or this process's shard of them. What has been read is remembered in the database, repo by repo,
so that a backfill that was killed goes on where it stopped. It comes back to repos that other runs hold, and gives up when none of
them got free for the time of --wait. Repos that failed, or that others still held, are tried again by the next call; a backfill is
over, and ends with 0, when it has read every repo.

With --from: imports archived observations from a file, a folder of files, or standard input (-): what syncer export writes, CSV with
the columns timestamp,repository,pull_count or date,count, or saved answers of GetRepoImage named by their time; compressed with
gzip or zstd or not. Their order does not matter, nor in how many parts they come; a second import changes nothing. It ends with 2,
and nothing is imported, when a line cannot be used.`,
		Example: `  syncer backfill
  syncer backfill --restart --rate-share 100
  syncer backfill --from archive.ndjson.zst --dry-run
  syncer backfill --from nginx.csv --repo web --image nginx
  zcat old/*.csv.gz | syncer backfill --from - --skip-bad`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
			if f.from != "" {
				return a.importArchive(cmd.Context(), f)
			}
			return a.backfill(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.repos, "repo", nil, "read only this repo, as `NAME` or SOURCE/NAME; may be repeated. With --from: repo of files that name none")
	flags.BoolVar(&f.migrate, "migrate", false, "bring the database's schema up to date first; always done for local:DIR")
	flags.StringVar(&f.shard, "shard", "", "read only part `I/N` of the repos, I from 0")
	flags.BoolVar(&f.resume, "resume", false, "go on with the backfill that is open (the default when one is)")
	flags.BoolVar(&f.restart, "restart", false, "begin a new one, whatever is open")
	flags.IntVar(&f.rateShare, "rate-share", defaultRateShare, "`PERCENT` of the rate limit to use; the rest is left to scheduled runs")
	flags.DurationVar(&f.wait, "wait", defaultHeldWait, "how long to wait for repos that other runs hold, counted from when the last of them got free")
	flags.StringVar(&f.from, "from", "", "import the observations in this `PATH`: a file, a folder, or - for standard input")
	flags.StringVar(&f.source, "source", config.DefaultSource, "with --from: `SOURCE` of observations that name none")
	flags.StringVar(&f.image, "image", "", "with --from: `IMAGE` of files that name none")
	flags.BoolVar(&f.skipBad, "skip-bad", false, "with --from: leave out lines that cannot be used, and tell")
	flags.BoolVar(&f.dryRun, "dry-run", false, "with --from: count what would be written, and write nothing")
	return cmd
}

// check refuses flags that do not go together, rather than leaving one out.
func (f *backfillFlags) check(given func(string) bool) error {
	others := []string{"source", "image", "skip-bad", "dry-run"}
	with := "only goes with --from"
	if f.from != "" {
		others, with = []string{"shard", "resume", "restart", "rate-share", "wait"}, "does not go with --from"
	}
	for _, name := range others {
		if given(name) {
			return fmt.Errorf("--%s %s", name, with)
		}
	}
	switch {
	case f.resume && f.restart:
		return errors.New("--resume and --restart exclude each other")
	case f.wait < 0:
		return errors.New("--wait must not be negative")
	case f.rateShare < 1 || f.rateShare > 100:
		return errors.New("--rate-share must be from 1 to 100")
	case f.dryRun && f.migrate:
		return errors.New("--dry-run writes nothing, so it cannot --migrate: run syncer migrate up before")
	case f.from != "" && len(f.repos) > 1:
		return errors.New("with --from there can be one --repo")
	}
	return nil
}

func (a *app) backfill(ctx context.Context, f backfillFlags) error {
	in := config.Input{Need: config.NeedSource | config.NeedDatabase, Only: f.repos, Flags: map[string]config.Flag{}}
	if f.shard != "" {
		in.Flags["shard"] = config.Flag{Name: "--shard", Value: f.shard}
	}
	cfg, log, err := a.load(in)
	if err != nil {
		return err
	}
	for i := range cfg.Sources {
		cfg.Sources[i].RateLimit *= float64(f.rateShare) / 100
	}
	_, local := cfg.LocalDir()
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, f.migrate || local, func(s *store.Store) error {
			lanes, err := a.openLanes(cfg, in, metrics.New(version(), endingNames()), log)
			if err != nil {
				return err
			}
			return a.backfillInto(ctx, s, cfg, lanes, f, log)
		})
	})
}

// backfillInto reads what the open backfill has not read yet.
func (a *app) backfillInto(ctx context.Context, s *store.Store, cfg config.Config, lanes []syncer.Lane, f backfillFlags, log *slog.Logger) error {
	if err := unknown(ctx, f.repos, lanes); err != nil {
		return err
	}
	shard := cfg.Shard.String()
	open, err := s.OpenBackfill(ctx, shard, scopeOf(shard, f.repos), f.restart, a.now())
	if err != nil {
		return err
	}
	if len(open.Done) > 0 {
		log.InfoContext(ctx, "backfill goes on", "backfill_id", open.ID, "started_at", open.StartedAt.UTC(), "repos_done", len(open.Done))
	}
	for i := range lanes {
		lanes[i].Source = &undone{Source: lanes[i].Source, names: f.repos, done: open.Done}
	}
	bar := a.newProgress(ctx, "reading repos", log)
	var failed []registry.RepoSync
	res, err := syncer.New(storeSink{s, false}, lanes, syncer.Options{
		Kind: registry.RunBackfill, Version: version(), Shard: cfg.Shard.Index, Shards: cfg.Shard.Count,
		Grace: cfg.GracePeriod, HeldWait: f.wait, Now: a.now, Logger: log, Progress: bar.show,
		Each: func(r registry.RepoSync) {
			if r.Status == registry.RepoFailed || r.Status == registry.RepoHeld || r.Status == registry.RepoLocked {
				failed = append(failed, r)
			}
		},
	}).Run(ctx)
	bar.stop()
	switch {
	case err != nil:
	case res.Outcome != syncer.Complete:
		err = outcomeError{res.Outcome, outcomeText(res)}
	case res.Summary.Locked > 0:
		err = outcomeError{syncer.Partial, fmt.Sprintf("not complete: other runs hold %d repos; go on later with: syncer backfill --resume", res.Summary.Locked)}
	case res.Undone == 0:
		err = s.FinishBackfill(ctx, open.ID, a.now())
	}
	if res.Planned > 0 || err == nil {
		if printErr := a.printSync(newSyncResult(res, failed, false)); err == nil {
			err = printErr
		}
	}
	return err
}

// scopeOf tells backfills of everything from those of some repos.
func scopeOf(shard string, repos []string) string {
	if len(repos) == 0 {
		return shard
	}
	sorted := slices.Sorted(slices.Values(repos))
	return shard + " " + strings.Join(slices.Compact(sorted), ",")
}

// undone is a source without the repos that are done, and without those that were not asked for.
type undone struct {
	syncer.Source
	names []string // as NAME or SOURCE/NAME; empty: all
	done  map[registry.RepoKey]bool
	all   []registry.Repo
}

// Repos lists what is left.
func (u *undone) Repos(ctx context.Context) ([]registry.Repo, error) {
	all, err := u.Source.Repos(ctx)
	u.all = all
	return u.left(all), err
}

// Missing compares with everything that was listed, done or not.
func (u *undone) Missing(known []registry.KnownRepo, _ []registry.Repo) registry.Departures {
	d := u.Source.Missing(known, u.all)
	d.Unlisted = u.left(d.Unlisted)
	return d
}

func (u *undone) left(repos []registry.Repo) []registry.Repo {
	return slices.DeleteFunc(slices.Clone(repos), func(r registry.Repo) bool {
		return u.done[r.Key] || len(u.names) > 0 && !slices.ContainsFunc(u.names, func(name string) bool { return names(name, r.Key) })
	})
}

// names reports whether a name, as NAME or SOURCE/NAME, means the repo.
func names(name string, key registry.RepoKey) bool { return name == key.Name || name == key.String() }

// unknown is an error for each name that no source lists. A typing error leaves neither a run nor an open backfill behind. Where a
// list cannot be read it says nothing: the run will tell why.
func unknown(ctx context.Context, asked []string, lanes []syncer.Lane) error {
	if len(asked) == 0 {
		return nil
	}
	var all []registry.Repo
	for _, lane := range lanes {
		repos, err := lane.Source.Repos(ctx)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		all = append(all, repos...)
	}
	var errs []error
	for _, name := range asked {
		if !slices.ContainsFunc(all, func(r registry.Repo) bool { return names(name, r.Key) }) {
			errs = append(errs, fmt.Errorf("repo %q: %w", name, syncer.ErrUnknownRepo))
		}
	}
	return errors.Join(errs...)
}
