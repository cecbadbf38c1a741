package main

import (
	"strings"

	"syncer/internal/config"
	"syncer/internal/registry"
)

// checkResult is what check prints.
type checkResult struct {
	Checks    []checkLine  `json:"checks"`
	WouldSync []checkRepos `json:"would_sync"`
	ExitCode  int          `json:"exit_code"`
}

type checkLine struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// checkRepos is what a run would read of a source.
type checkRepos struct {
	Source string   `json:"source"`
	Repos  []string `json:"repos"` // this shard's
	All    int      `json:"all"`   // of all shards
}

func (r *checkResult) ok(name, detail string) {
	r.Checks = append(r.Checks, checkLine{Name: name, OK: true, Detail: detail})
}

// fail notes what fails, and the exit code of the first such.
func (r *checkResult) fail(name string, code int, detail, mend string) {
	r.Checks = append(r.Checks, checkLine{Name: name, Detail: detail, Mend: mend})
	if r.ExitCode == exitOK {
		r.ExitCode = code
	}
}

func (r *checkResult) wouldSync(source string, repos []registry.Repo, shard config.Shard) {
	mine := checkRepos{Source: source, Repos: []string{}, All: len(repos)}
	for _, repo := range repos {
		if repo.Key.Shard(shard.Count) == shard.Index {
			mine.Repos = append(mine.Repos, repo.Key.Name)
		}
	}
	r.WouldSync = append(r.WouldSync, mine)
}

func (r *checkResult) failed() error {
	if r.ExitCode == exitOK {
		return nil
	}
	n := 0
	for _, c := range r.Checks {
		if !c.OK {
			n++
		}
	}
	return checkError{code: r.ExitCode, failed: n, of: len(r.Checks)}
}

func (r *checkResult) text(p *printer) {
	for _, c := range r.Checks {
		word := "ok    "
		if !c.OK {
			word = "FAIL  "
		}
		p.line("%s%s: %s", word, c.Name, c.Detail)
		if c.Mend != "" {
			p.line("      -> %s", c.Mend)
		}
	}
	for _, s := range r.WouldSync {
		names := strings.Join(s.Repos[:min(len(s.Repos), listedRepos)], ", ")
		if len(s.Repos) > listedRepos {
			names += ", ..."
		}
		p.line("would sync %d of %d repos of source %s: %s", len(s.Repos), s.All, s.Source, names)
	}
}
