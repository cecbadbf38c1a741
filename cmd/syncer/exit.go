package main

import (
	"context"
	"errors"

	"syncer/internal/config"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

// Exit codes, which scripts and Kubernetes' podFailurePolicy rely on.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2
	exitPartial     = 3
	exitRefused     = 4
	exitUnavailable = 5
	exitDatabase    = 6
	exitSchema      = 7
	exitLocked      = 8
	exitSignal      = 128 // plus the signal's number
)

// endingPanicked is how metrics call a run that brought no exit code at all.
const endingPanicked = "panicked"

// endings are the exit codes of a run with the names that metrics give them. Every other code is a failure, and those from
// exitSignal on are interruptions.
var endings = []struct {
	code int
	name string
}{
	{exitOK, "complete"},
	{exitPartial, "partial"},
	{exitRefused, "refused"},
	{exitUnavailable, "unavailable"},
	{exitLocked, "locked"},
	{exitInternal, "failed"},
	{exitSignal, "interrupted"},
}

// endingName is how metrics call a run that ends with a code.
func endingName(code int) string {
	if code > exitSignal {
		code = exitSignal
	}
	failed := ""
	for _, e := range endings {
		switch e.code {
		case code:
			return e.name
		case exitInternal:
			failed = e.name
		}
	}
	return failed
}

// endingNames are all names of endings.
func endingNames() []string {
	names := make([]string, 0, len(endings)+1)
	for _, e := range endings {
		names = append(names, e.name)
	}
	return append(names, endingPanicked)
}

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// outcomeError is a run that was not complete.
type outcomeError struct {
	outcome syncer.Outcome
	text    string
}

func (e outcomeError) Error() string { return e.text }

// exitCode says what an error of a command means to the caller of the process.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var faults config.SettingErrors
	var outcome outcomeError
	var check checkError
	var archive archiveError
	var signal stopped
	switch {
	case err == nil:
		return exitOK
	case errors.As(context.Cause(ctx), &signal) && (errors.As(err, &signal) || errors.Is(err, context.Canceled)):
		return exitSignal + int(signal.signal)
	case errors.As(err, &usage), errors.As(err, &faults), errors.Is(err, syncer.ErrUnknownRepo), errors.Is(err, store.ErrDSN),
		errors.Is(err, store.ErrNoRole), errors.As(err, &archive):
		return exitUsage
	case errors.As(err, &check):
		return check.code
	case errors.As(err, &outcome):
		return outcomeCode(outcome.outcome)
	case errors.Is(err, syncer.ErrLocked):
		return exitLocked
	case errors.Is(err, store.ErrSchema):
		return exitSchema
	case errors.Is(err, store.ErrDatabase):
		return exitDatabase
	default:
		return exitInternal
	}
}

func outcomeCode(o syncer.Outcome) int {
	switch o {
	case syncer.Complete:
		return exitOK
	case syncer.Partial:
		return exitPartial
	case syncer.Refused:
		return exitRefused
	case syncer.Unavailable:
		return exitUnavailable
	default:
		return exitInternal
	}
}
