// Package syncer is the work of a run: which repos are to be read, by this process, now; read them, a few at a time; hand what
// was read to the database in groups; and add up how it went. It knows no API and no SQL: a Source reads, a Sink keeps.
//
// A repo that fails does not stop the others. Whether it makes sense to ask a source, or a project, any further is the Source's
// to know: what it has given up it refuses at once. A database that does not do its work ends the run.
package syncer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"syncer/internal/registry"
)

// Source reads one registry account.
type Source interface {
	Name() string
	// Repos lists what is to be read. When a list could not be read, or not be read completely, the error says so and comes
	// with the repos that are in it and in the others.
	Repos(ctx context.Context) ([]registry.Repo, error)
	// Missing says which of the repos known before are not among those that Repos listed, and why that may be.
	Missing(known []registry.KnownRepo, listed []registry.Repo) registry.Departures
	// Witnesses says which repos to ask when it is in doubt whether the registry or only a repo gives no answer: those that were
	// read completely before, and others.
	Witnesses(good, others []registry.Repo)
	// Read walks one repo from its first page to its last.
	Read(ctx context.Context, repo registry.Repo) (registry.Snapshot, error)
	// Traffic counts since the source was made.
	Traffic() registry.Traffic
	// ClockSkew is how far the registry's clock is ahead of ours; false when that is not known.
	ClockSkew() (time.Duration, bool)
}

// Sink keeps what was read.
type Sink interface {
	Begin(ctx context.Context, run NewRun) (Record, error)
	// Known are the repos of a source that were read before and are not gone.
	Known(ctx context.Context, source string) ([]registry.KnownRepo, error)
}

// Record is a run in the database, from its beginning to its end. Any error from it means that the database does not do its
// work; what concerns one repo is in the outcome of that repo.
type Record interface {
	ID() int64
	// Claim takes repos for this run and returns those that another run holds.
	Claim(ctx context.Context, repos []registry.Repo) (held []registry.RepoKey, err error)
	// Apply writes claimed repos, each whole or not at all, and returns their outcomes in the same order.
	Apply(ctx context.Context, snaps []registry.Snapshot, allowMassDelete func(registry.RepoKey) bool) ([]registry.RepoSync, error)
	// Configured tells which repos of a source there are to be read; others that have a record are not configured any more.
	Configured(ctx context.Context, source string, repos []registry.RepoKey, at time.Time) error
	// Record writes the outcomes of repos that were not applied.
	Record(ctx context.Context, results []registry.RepoSync) error
	// Finish closes the record.
	Finish(ctx context.Context, sum registry.RunSummary) error
	// Close gives back what the record holds, finished or not.
	Close()
}

// NewRun describes a run that begins.
type NewRun struct {
	Kind      registry.RunKind
	Shard     string // index/count
	Version   string
	StartedAt time.Time
}

// Lane is a source and how many of its repos are read at once.
type Lane struct {
	Source  Source
	Readers int // at least 1
}

// Options say what a run does. Now and Logger are required.
type Options struct {
	Kind          registry.RunKind
	Version       string
	Shard, Shards int      // this process reads the repos of shard Shard of Shards; Shards below 2 means all
	Only          []string // read only these repos, as NAME or SOURCE/NAME; empty: all
	MassDelete    []string // repos that are really gone, or their vanished images are, as NAME, SOURCE/NAME or SOURCE/*
	FailOnLocked  bool     // end the run when another run holds a repo, instead of leaving the repo to it
	MaxFailed     Tolerance
	HeldWait      time.Duration // how long to wait, without anything getting free, for repos that other runs hold; zero: leave them
	Grace         time.Duration // what repos that are being read have to be finished when the run is to end, its record included

	Now      func() time.Time
	Logger   *slog.Logger
	Progress func(done, total int)     // called after every group of repos, never twice at once; may be nil
	Each     func(r registry.RepoSync) // told of every repo, never twice at once; may be nil
}

var (
	// ErrLocked ends a run that was told to fail when another run holds a repo.
	ErrLocked = errors.New("held by another run")
	// ErrUnknownRepo ends a run, before it has a record, that was asked for a repo that no source lists.
	ErrUnknownRepo = errors.New("no source lists it")
)

// Runner does runs, one at a time.
type Runner struct {
	sink  Sink
	lanes []Lane
	opt   Options
}

// New makes a Runner that reads the lanes' sources into the sink.
func New(sink Sink, lanes []Lane, opt Options) *Runner {
	if opt.Progress == nil {
		opt.Progress = func(int, int) {}
	}
	if opt.Each == nil {
		opt.Each = func(registry.RepoSync) {}
	}
	return &Runner{sink: sink, lanes: lanes, opt: opt}
}
