package syncer

import (
	"context"
	"fmt"
	"log/slog"

	"syncer/internal/registry"
)

// collect writes group after group until the queue is closed and empty. It is the only one who counts, tells progress and
// logs repos, so none of these needs a lock.
func (r *Runner) collect(ctx context.Context, record Record, q *queue, t *tally) error {
	for {
		group, err := q.take(ctx)
		if err != nil || len(group) == 0 {
			return err
		}
		if err := r.write(ctx, record, group, t); err != nil {
			return err
		}
		r.opt.Progress(t.done, t.planned)
	}
}

// write applies the snapshots of a group and records its other outcomes.
func (r *Runner) write(ctx context.Context, record Record, group []item, t *tally) error {
	var snaps []registry.Snapshot
	var others []registry.RepoSync
	var causes []error
	for _, it := range group {
		if it.snap != nil {
			snaps = append(snaps, *it.snap)
		} else {
			others, causes = append(others, it.result), append(causes, it.cause)
		}
	}
	if len(others) > 0 {
		if err := record.Record(ctx, others); err != nil {
			return err
		}
		for i, result := range others {
			r.count(ctx, record, t, result, causes[i], nil)
		}
	}
	if len(snaps) == 0 {
		return nil
	}
	results, err := record.Apply(ctx, snaps, func(key registry.RepoKey) bool { return named(r.opt.MassDelete, key) })
	if err != nil {
		return err
	}
	for i, result := range results {
		r.count(ctx, record, t, result, nil, snaps[i].Rejected)
	}
	return nil
}

func (r *Runner) count(ctx context.Context, record Record, t *tally, result registry.RepoSync, cause error, rejected []registry.Rejection) {
	t.add(result, cause)
	r.logRepo(ctx, record.ID(), result, rejected)
	r.opt.Each(result)
}

// namedRejections is how many rejected rows of a repo its log event names.
const namedRejections = 3

func (r *Runner) logRepo(ctx context.Context, runID int64, s registry.RepoSync, rejected []registry.Rejection) {
	attrs := []slog.Attr{
		slog.Int64("run_id", runID), slog.String("source", s.Repo.Key.Source), slog.String("repo", s.Repo.Key.Name),
		slog.String("status", string(s.Status)), slog.Float64("seconds", s.FinishedAt.Sub(s.StartedAt).Seconds()),
	}
	if s.Repo.ProjectID != "" {
		attrs = append(attrs, slog.String("project_id", s.Repo.ProjectID))
	}
	if s.Walks > 0 {
		attrs = append(attrs, slog.Bool("complete", s.Complete), slog.Int("pages", s.Pages), slog.Int("walks", s.Walks),
			slog.Int("images", s.Seen), slog.Int("new", s.New), slog.Int("changed", s.Changed), slog.Int("missing", s.Missing),
			slog.Int("rejected", s.Rejected))
	}
	for _, row := range rejected[:min(len(rejected), namedRejections)] {
		attrs = append(attrs, slog.String("rejected_row", fmt.Sprintf("%q: %s", row.Image, row.Reason)))
	}
	level := slog.LevelInfo
	switch s.Status {
	case registry.RepoFailed:
		level = slog.LevelError
	case registry.RepoDrifting, registry.RepoHeld:
		level = slog.LevelWarn
	case registry.RepoOK, registry.RepoLocked:
	}
	if s.Error != "" {
		attrs = append(attrs, slog.String("error", s.Error))
	}
	r.opt.Logger.LogAttrs(ctx, level, "repo synced", attrs...)
}

func (r *Runner) logRun(ctx context.Context, res Result, err error) {
	s := res.Summary
	level := slog.LevelInfo
	if s.Status != registry.RunOK {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.Int64("run_id", res.RunID), slog.String("kind", string(r.opt.Kind)), slog.String("status", string(s.Status)),
		slog.Float64("seconds", s.FinishedAt.Sub(res.StartedAt).Seconds()), slog.Int("repos", res.Planned), slog.Int("undone", res.Undone),
		slog.Int("ok", s.OK), slog.Int("failed", s.Failed), slog.Int("held", s.Held), slog.Int("drifting", s.Drifting),
		slog.Int("locked", s.Locked), slog.Int64("images", s.Seen), slog.Int64("new", s.New), slog.Int64("changed", s.Changed),
		slog.Int64("missing", s.Missing), slog.Int64("history_rows", s.HistoryRows),
		slog.Int64("requests", s.Traffic.Requests), slog.Int64("retries", s.Traffic.Retries),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	r.opt.Logger.LogAttrs(ctx, level, "run finished", attrs...)
}
