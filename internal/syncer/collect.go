package syncer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"syncer/internal/registry"
)

// collection is what the collector keeps until all repos were read.
type collection struct {
	gone []item                    // repos that are not in the lists any more
	seen map[registry.RepoKey]bool // repos that were read
}

// collect writes group after group until the queue is closed and empty, and then what can be said only when all were read. It is
// the only one who counts, tells progress and logs repos, so none of these needs a lock.
func (r *Runner) collect(ctx context.Context, record Record, plans []lanePlan, q *queue, t *tally) error {
	c := &collection{seen: map[registry.RepoKey]bool{}}
	for i := range plans {
		p := &plans[i]
		if err := r.recordAll(ctx, record, p.held, t); err != nil {
			return err
		}
		if p.whole {
			if err := record.Configured(ctx, p.source, p.named, r.opt.Now()); err != nil {
				return err
			}
		}
	}
	for {
		group, err := q.take(ctx)
		if err != nil {
			return err
		}
		if len(group) == 0 {
			return r.depart(ctx, record, plans, c, t)
		}
		if err := r.write(ctx, record, group, c, t); err != nil {
			return err
		}
		r.opt.Progress(t.done, t.planned)
	}
}

// write applies the snapshots of a group and records its other outcomes.
func (r *Runner) write(ctx context.Context, record Record, group []item, c *collection, t *tally) error {
	var snaps []registry.Snapshot
	var others []item
	for _, it := range group {
		switch {
		case it.snap != nil:
			snaps = append(snaps, *it.snap)
			c.seen[it.snap.Repo.Key] = true
		case it.result.Gone:
			c.gone = append(c.gone, it)
		default:
			others = append(others, it)
		}
	}
	if err := r.recordAll(ctx, record, others, t); err != nil {
		return err
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

// recordAll records and counts repos that were not applied.
func (r *Runner) recordAll(ctx context.Context, record Record, items []item, t *tally) error {
	if len(items) == 0 {
		return nil
	}
	results := make([]registry.RepoSync, len(items))
	for i := range items {
		results[i] = items[i].result
	}
	if err := record.Record(ctx, results); err != nil {
		return err
	}
	for i, result := range results {
		r.count(ctx, record, t, result, items[i].cause, nil)
	}
	r.opt.Progress(t.done, t.planned)
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

// depart writes down the repos that are not in the lists any more, all of a run together: one by one, each would be few.
func (r *Runner) depart(ctx context.Context, record Record, plans []lanePlan, c *collection, t *tally) error {
	for i := range plans {
		p := &plans[i]
		gone := slices.DeleteFunc(slices.Clone(c.gone), func(it item) bool { return it.result.Repo.Key.Source != p.source })
		r.judge(p, gone, c.seen, t)
		if err := r.recordAll(ctx, record, gone, t); err != nil {
			return err
		}
	}
	return nil
}
