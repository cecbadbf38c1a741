package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"time"

	"syncer/internal/archive"
	"syncer/internal/config"
	"syncer/internal/registry"
	"syncer/internal/store"
)

const (
	// maxBadLines is how many bad lines are told one by one.
	maxBadLines = 20
	// registryZone is that of times without one, of sources that are not configured: the vendor's platform runs on China's clock.
	registryZone = 8 * 60 * 60
)

// archiveError is an archive that cannot be imported as it is.
type archiveError struct{ err error }

func (e archiveError) Error() string { return e.err.Error() }
func (e archiveError) Unwrap() error { return e.err }

// importResult is what backfill --from prints.
type importResult struct {
	DryRun   bool  `json:"dry_run"`
	RunID    int64 `json:"run_id,omitempty"`
	BadLines int64 `json:"bad_lines"` // left out
	BadFiles int64 `json:"bad_files"` // saved answers left out
	store.Imported
}

func (a *app) importArchive(ctx context.Context, f backfillFlags) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	job := &importJob{app: a, flags: f, zone: zoneOf(cfg, f.source), log: log}
	if err := job.open(); err != nil {
		return err
	}
	_, local := cfg.LocalDir()
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return withStore(ctx, dsn, log, (f.migrate || local) && !f.dryRun, func(s *store.Store) error {
			result, err := job.work(ctx, s)
			if err != nil {
				return err
			}
			return a.print(result, result.text)
		})
	})
}

// zoneOf is the zone in which a source writes times without one.
func zoneOf(cfg config.Config, source string) *time.Location {
	for _, s := range cfg.Sources {
		if s.Name == source {
			return s.TimeZone.Location()
		}
	}
	return time.FixedZone("", registryZone)
}

// importJob is one import.
type importJob struct {
	app   *app
	flags backfillFlags
	zone  *time.Location
	log   *slog.Logger
	all   iter.Seq2[registry.Observation, error]
	lines int64        // bad ones
	files int64        // bad ones
	told  []string     // the first of both
	begin func() error // opens the record; nil: there is to be none
	run   *store.Run   // nil until then
}

// open begins to read the archive: one that is not there or not understood is a mistake in the call, and no run that failed.
func (j *importJob) open() (err error) {
	opt := archive.Options{Source: j.flags.source, Image: j.flags.image, Zone: j.zone, Now: j.app.now(), Stdin: j.app.in}
	if len(j.flags.repos) > 0 {
		opt.Repo = j.flags.repos[0]
	}
	if j.all, err = archive.Open(j.flags.from, opt); err != nil {
		return archiveError{err}
	}
	return nil
}

// work imports. The record of a run is opened when the archive has been read and is known to be good: a file that cannot be used
// is a mistake of whoever named it, and no run that failed.
func (j *importJob) work(ctx context.Context, s *store.Store) (importResult, error) {
	started := j.app.now()
	if !j.flags.dryRun {
		j.begin = func() (err error) {
			j.run, err = s.BeginRun(ctx, store.NewRun{Kind: registry.RunImport, Shard: "0/1", Version: version(), StartedAt: started})
			return err
		}
	}
	result, err := j.into(ctx, s)
	if j.run == nil {
		return result, err
	}
	defer j.run.Close()
	result.RunID = j.run.ID()
	sum := registry.RunSummary{
		Status: registry.RunOK, FinishedAt: j.app.now(), OK: int(result.Repos), Seen: result.Images, New: result.ImagesNew,
		Changed: result.ImagesMoved, HistoryRows: result.RowsAdded,
	}
	switch {
	case ctx.Err() != nil && err != nil:
		sum = registry.RunSummary{Status: registry.RunAborted, FinishedAt: j.app.now(), Error: context.Cause(ctx).Error()}
	case err != nil:
		sum = registry.RunSummary{Status: registry.RunFailed, FinishedAt: j.app.now(), Error: err.Error()}
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if finishErr := j.run.Finish(closing, sum); err == nil {
		err = finishErr
	}
	return result, err
}

func (j *importJob) into(ctx context.Context, s *store.Store) (importResult, error) {
	bar := j.app.newProgress(ctx, "importing observations", j.log)
	sum, err := s.Import(ctx, j.observations(ctx), store.ImportOptions{
		Zone: j.zone, DryRun: j.flags.dryRun, Progress: bar.show,
	})
	bar.stop()
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("import interrupted: %w", context.Cause(ctx))
	}
	return importResult{DryRun: j.flags.dryRun, BadLines: j.lines, BadFiles: j.files, Imported: sum}, err
}

// observations are those of the archive. After a bad line that is not to be skipped, the rest is read only for more of them.
func (j *importJob) observations(ctx context.Context) iter.Seq2[registry.Observation, error] {
	return func(yield func(registry.Observation, error) bool) {
		for o, err := range j.all {
			var bad *archive.LineError
			switch {
			case errors.As(err, &bad):
				if !j.take(ctx, bad) {
					yield(o, j.refusal())
					return
				}
			case err != nil:
				yield(o, archiveError{err})
				return
			case len(j.told) > 0 && !j.flags.skipBad:
				if ctx.Err() != nil {
					yield(o, ctx.Err())
					return
				}
			case !yield(o, nil):
				return
			}
		}
		if len(j.told) > 0 && !j.flags.skipBad {
			yield(registry.Observation{}, j.refusal())
			return
		}
		if j.begin != nil {
			if err := j.begin(); err != nil {
				yield(registry.Observation{}, err)
			}
		}
	}
}

// take notes a bad line or file; false when enough were told.
func (j *importJob) take(ctx context.Context, bad *archive.LineError) bool {
	what := "line left out"
	if bad.WholeFile() {
		what = "file left out"
		j.files++
	} else {
		j.lines++
	}
	if len(j.told) < maxBadLines {
		j.told = append(j.told, bad.Error())
		if j.flags.skipBad {
			j.log.WarnContext(ctx, what, "file", bad.File, "line", bad.Line, "row", bad.Row, "reason", bad.Reason)
		}
	}
	return j.flags.skipBad || len(j.told) < maxBadLines
}

func (j *importJob) refusal() error {
	return archiveError{fmt.Errorf("%s\nnothing was imported; mend these lines, or leave them out with --skip-bad", strings.Join(j.told, "\n"))}
}

func (r *importResult) text(p *printer) {
	name := fmt.Sprintf("run %d", r.RunID)
	if r.DryRun {
		name = "dry run (nothing was written)"
	}
	p.line("%s: %d observations of %d images in %d repos; %d lines left out", name, r.Observations, r.Images, r.Repos, r.BadLines)
	if r.BadFiles > 0 {
		p.line("%d saved answers left out", r.BadFiles)
	}
	p.line("images: %d new, %d changed", r.ImagesNew, r.ImagesMoved)
	p.line("history: %d rows added, %d changed, %d removed", r.RowsAdded, r.RowsChanged, r.RowsRemoved)
	if r.Conflicts > 0 {
		p.line("%d observations contradict another of the same image and moment: of two archives the higher count was taken, and a look of a run holds against an archive", r.Conflicts)
	}
	if r.TooOld > 0 {
		p.line("%d observations are older than the history that is kept and were left out", r.TooOld)
	}
}
