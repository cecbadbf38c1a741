package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"syncer/internal/registry"
	"syncer/internal/syncer"
)

// syncResult is what sync prints.
type syncResult struct {
	DryRun        bool         `json:"dry_run"`
	RunID         int64        `json:"run_id,omitempty"`
	Status        string       `json:"status"`
	StartedAt     time.Time    `json:"started_at"`
	FinishedAt    time.Time    `json:"finished_at"`
	Repos         int          `json:"repos"`
	ReposOK       int          `json:"repos_ok"`
	ReposFailed   int          `json:"repos_failed"`
	ReposHeld     int          `json:"repos_held"`
	ReposDrifting int          `json:"repos_drifting"`
	ReposLocked   int          `json:"repos_locked"`
	ReposUndone   int          `json:"repos_undone"`
	ImagesSeen    int64        `json:"images_seen"`
	ImagesNew     int64        `json:"images_new"`
	ImagesChanged int64        `json:"images_changed"`
	ImagesMissing int64        `json:"images_missing"`
	HistoryRows   int64        `json:"history_rows"`
	Requests      int64        `json:"requests"`
	Retries       int64        `json:"retries"`
	Error         string       `json:"error,omitempty"`
	Warnings      []string     `json:"warnings,omitempty"`
	Details       []repoResult `json:"details"` // repos that failed, drifted or are held back; of a dry run all
}

type repoResult struct {
	Source    string `json:"source"`
	ProjectID string `json:"project_id,omitempty"`
	Repo      string `json:"repo"`
	Status    string `json:"status"`
	Seen      int    `json:"images_seen"`
	New       int    `json:"images_new"`
	Changed   int    `json:"images_changed"`
	Missing   int    `json:"images_missing"`
	Error     string `json:"error,omitempty"`
}

func newSyncResult(res syncer.Result, repos []registry.RepoSync, dryRun bool) syncResult {
	sum := res.Summary
	r := syncResult{
		DryRun: dryRun, RunID: res.RunID, Status: string(sum.Status), StartedAt: res.StartedAt.UTC(), FinishedAt: sum.FinishedAt.UTC(),
		Repos: res.Planned, ReposOK: sum.OK, ReposFailed: sum.Failed, ReposHeld: sum.Held, ReposDrifting: sum.Drifting,
		ReposLocked: sum.Locked, ReposUndone: res.Undone, ImagesSeen: sum.Seen, ImagesNew: sum.New, ImagesChanged: sum.Changed,
		ImagesMissing: sum.Missing, HistoryRows: sum.HistoryRows, Requests: sum.Traffic.Requests, Retries: sum.Traffic.Retries,
		Error: sum.Error, Warnings: res.Warnings, Details: []repoResult{},
	}
	slices.SortFunc(repos, func(a, b registry.RepoSync) int { return strings.Compare(a.Repo.Key.String(), b.Repo.Key.String()) })
	for _, s := range repos {
		r.Details = append(r.Details, repoResult{
			Source: s.Repo.Key.Source, ProjectID: s.Repo.ProjectID, Repo: s.Repo.Key.Name, Status: string(s.Status),
			Seen: s.Seen, New: s.New, Changed: s.Changed, Missing: s.Missing, Error: s.Error,
		})
	}
	return r
}

// maxDetails is how many repos are listed for people; the record has the rest.
const maxDetails = 20

func (a *app) printSync(r syncResult) error {
	return a.print(r, func(p *printer) {
		name, details := fmt.Sprintf("run %d", r.RunID), r.Details
		if r.DryRun {
			name = "dry run (nothing was written)"
		} else {
			details = details[:min(len(details), maxDetails)]
		}
		p.repoResults(details)
		if n := len(r.Details) - len(details); n > 0 {
			p.line("... and %d more, see syncer status", n)
		}
		p.line("%s: %s in %s", name, r.Status, r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond).String())
		p.line("repos:  %d ok, %d failed, %d held back, %d drifting, %d left to other runs, %d undone",
			r.ReposOK, r.ReposFailed, r.ReposHeld, r.ReposDrifting, r.ReposLocked, r.ReposUndone)
		p.line("images: %d seen, %d new, %d changed, %d missing; %d rows of history", r.ImagesSeen, r.ImagesNew, r.ImagesChanged,
			r.ImagesMissing, r.HistoryRows)
		p.line("requests: %d, of them %d retries", r.Requests, r.Retries)
		for _, warning := range r.Warnings {
			p.line("warning: %s", warning)
		}
	})
}

func (p *printer) repoResults(list []repoResult) {
	if len(list) == 0 {
		return
	}
	var rows [][]any
	for _, s := range list {
		rows = append(rows, []any{s.Source, s.Repo, s.Status, s.Seen, s.New, s.Changed, s.Missing, s.Error})
	}
	p.table([]string{"SOURCE", "REPO", "STATUS", "IMAGES", "NEW", "CHANGED", "MISSING", "ERROR"}, rows)
}
