package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/registry"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// lastRuns is how many runs status shows.
const lastRuns = 10

func (a *app) statusCommand() *cobra.Command {
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the last runs, how fresh each repo is, and which repos fail",
		Long: `Shows the last runs and every repo with the time of its last complete read, the oldest first. With --max-age it ends with 1
when a repo was not read completely for longer than that, when it was read at a time that is still to come, or when there is none.
Repos that are gone or not configured any more do not count, nor do those that were not tried for a week while others of their source
were.`,
		Example: "  syncer status\n  syncer status --max-age 3h --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if maxAge < 0 {
				return usageError{errors.New("--max-age must not be negative")}
			}
			return a.status(cmd.Context(), maxAge)
		},
	}
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "fail when a repo's last complete read is older than this `DURATION`, such as 3h")
	return cmd
}

func (a *app) status(ctx context.Context, maxAge time.Duration) error {
	cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
	if err != nil {
		return err
	}
	return withDSN(ctx, cfg, log, func(dsn string) error {
		return readReports(ctx, dsn, log, func(s *store.Store) error {
			runs, err := s.Runs(ctx, lastRuns)
			if err != nil {
				return err
			}
			repos, err := s.Repos(ctx)
			if err != nil {
				return err
			}
			result := newStatusResult(runs, repos, a.now(), maxAge)
			if err := a.print(result, result.text); err != nil {
				return err
			}
			return result.tooOld(maxAge)
		})
	})
}

// statusResult is what status prints.
type statusResult struct {
	Runs  []statusRun  `json:"runs"`
	Repos []statusRepo `json:"repos"`
	Stale int          `json:"stale"`           // repos older than --max-age
	Ahead int          `json:"ahead,omitempty"` // repos whose last complete read bears a time that is still to come
}

type statusRun struct {
	RunID       int64      `json:"run_id"`
	Kind        string     `json:"kind"`
	Shard       string     `json:"shard"`
	Status      string     `json:"status"`
	StartedAt   time.Time  `json:"started_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	ReposOK     int64      `json:"repos_ok"`
	ReposFailed int64      `json:"repos_failed"`
	ReposHeld   int64      `json:"repos_held"`
	ImagesSeen  int64      `json:"images_seen"`
	HistoryRows int64      `json:"history_rows"`
	Error       *string    `json:"error,omitempty"`
}

type statusRepo struct {
	Source             string     `json:"source"`
	ProjectID          string     `json:"project_id,omitempty"`
	Repo               string     `json:"repo"`
	Images             int64      `json:"images"`
	PullCount          int64      `json:"pull_count"`
	LastCompleteSyncAt *time.Time `json:"last_complete_sync_at"`
	LastAttemptAt      *time.Time `json:"last_attempt_at"`
	LastStatus         *string    `json:"last_status"`
	LastError          *string    `json:"last_error,omitempty"`
	GoneAt             *time.Time `json:"gone_at,omitempty"`
	Stale              bool       `json:"stale"`
	Forgotten          bool       `json:"forgotten"` // gone or not configured any more, or not tried for a week while others of its source were
}

func newStatusResult(runs []store.RunRow, repos []store.RepoRow, now time.Time, maxAge time.Duration) statusResult {
	result := statusResult{Runs: []statusRun{}, Repos: []statusRepo{}}
	for _, r := range runs {
		result.Runs = append(result.Runs, statusRun{
			RunID: r.RunID, Kind: r.Kind, Shard: r.Shard, Status: r.Status, StartedAt: r.StartedAt.UTC(), FinishedAt: r.FinishedAt,
			ReposOK: r.ReposOK, ReposFailed: r.ReposFailed, ReposHeld: r.ReposHeld, ImagesSeen: r.ImagesSeen,
			HistoryRows: r.HistoryRows, Error: r.Error,
		})
	}
	newest := lastAttempts(repos, now)
	for _, r := range repos {
		forgotten := r.GoneAt != nil || r.LastAttemptAt == nil || newest[r.Source].Sub(*r.LastAttemptAt) > store.ForgottenAfter
		stale := maxAge > 0 && !forgotten && !isFresh(r.LastCompleteSyncAt, now, maxAge)
		if !forgotten && r.LastCompleteSyncAt != nil && r.LastCompleteSyncAt.Sub(now) > syncer.MaxSkew {
			result.Ahead++
		}
		if stale {
			result.Stale++
		}
		result.Repos = append(result.Repos, statusRepo{
			Source: r.Source, ProjectID: r.ProjectID, Repo: r.Repo, Images: r.Images, PullCount: r.PullCount,
			LastCompleteSyncAt: r.LastCompleteSyncAt, LastAttemptAt: r.LastAttemptAt, LastStatus: r.LastStatus, LastError: r.LastError, GoneAt: r.GoneAt,
			Stale: stale, Forgotten: forgotten,
		})
	}
	return result
}

// isFresh reports whether a complete read is as young as is wanted. One from the future says nothing of how old it is: a clock was
// wrong then, or is now.
func isFresh(at *time.Time, now time.Time, maxAge time.Duration) bool {
	return at != nil && now.Sub(*at) <= maxAge && at.Sub(now) <= syncer.MaxSkew
}

// lastAttempts are the newest tries of any repo, by source; none is later than now.
func lastAttempts(repos []store.RepoRow, now time.Time) map[string]time.Time {
	newest := map[string]time.Time{}
	for _, r := range repos {
		if r.LastAttemptAt == nil {
			continue
		}
		at := *r.LastAttemptAt
		if at.After(now) {
			at = now
		}
		if at.After(newest[r.Source]) {
			newest[r.Source] = at
		}
	}
	return newest
}

func (r statusResult) tooOld(maxAge time.Duration) error {
	switch {
	case maxAge == 0:
		return nil
	case len(r.Repos) == 0:
		return errors.New("no repo was ever read: run syncer sync")
	case r.Stale > 0 && r.Ahead > 0:
		return fmt.Errorf("%d of %d repos were not read completely for longer than %s, or were read at a time that is still to come (%d): check this machine's clock",
			r.Stale, len(r.Repos), maxAge, r.Ahead)
	case r.Stale > 0:
		return fmt.Errorf("%d of %d repos were not read completely for longer than %s", r.Stale, len(r.Repos), maxAge)
	default:
		return nil
	}
}

func (r statusResult) text(p *printer) {
	if len(r.Runs) == 0 {
		p.line("no runs yet: run syncer sync")
		return
	}
	p.runs(r.Runs)
	p.line("")
	var rows [][]any
	for _, s := range r.Repos {
		rows = append(rows, []any{s.Source, s.Repo, s.Images, s.PullCount, s.LastCompleteSyncAt, s.LastStatus, s.failure()})
	}
	p.table([]string{"SOURCE", "REPO", "IMAGES", "PULLS", "LAST COMPLETE", "LAST STATUS", "ERROR"}, rows)
	if r.Ahead > 0 {
		p.line("")
		p.line("%d repos were last read at a time that is still to come: check this machine's clock", r.Ahead)
	}
}

// failure is what keeps a repo from being fresh.
func (s statusRepo) failure() *string {
	if s.LastStatus != nil && *s.LastStatus == string(registry.RepoOK) {
		return nil
	}
	return s.LastError
}

func (p *printer) runs(runs []statusRun) {
	var rows [][]any
	for _, r := range runs {
		rows = append(rows, []any{strconv.FormatInt(r.RunID, 10), r.Kind, r.Shard, r.Status, r.StartedAt, r.FinishedAt, r.ReposOK, r.ReposFailed,
			r.ReposHeld, r.ImagesSeen, r.HistoryRows, r.Error})
	}
	p.table([]string{"RUN", "KIND", "SHARD", "STATUS", "STARTED", "FINISHED", "OK", "FAILED", "HELD", "IMAGES", "HISTORY", "ERROR"}, rows)
}
