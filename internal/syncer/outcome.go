package syncer

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"syncer/internal/registry"
)

// Outcome is how a run went as a whole, for whoever started it.
type Outcome int

// The outcomes of a run that was neither interrupted nor left by its database.
const (
	Complete    Outcome = iota // everything was read, or there was nothing to read
	Partial                    // some repos failed, drifted or are held back; the others are kept
	Refused                    // nothing could be read, as credentials or permission were refused
	Unavailable                // nothing could be read, as the registry is down or throttles
)

// Result is what a run did.
type Result struct {
	RunID     int64
	StartedAt time.Time
	Outcome   Outcome
	Planned   int // repos of this process's share
	Undone    int // of them those that the run did not get to
	Summary   registry.RunSummary
	Warnings  []string // what is not the run's fault and makes its figures doubtful
}

// Tolerance is how many failed repos a run may have and still count as complete: a number or a share. The zero Tolerance is
// none.
type Tolerance struct {
	Repos   int
	Percent float64
}

// ParseTolerance reads N or P%.
func ParseTolerance(text string) (Tolerance, error) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		if p, err := strconv.ParseFloat(percent, 64); err == nil && p >= 0 && p <= 100 {
			return Tolerance{Percent: p}, nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		return Tolerance{Repos: n}, nil
	}
	return Tolerance{}, fmt.Errorf("%q is neither a number of repos nor a share such as 5%%", text)
}

func (t Tolerance) allows(failed, of int) bool {
	return failed <= t.Repos || float64(failed)*100 <= t.Percent*float64(of)
}

// tally adds up a run. Only the collector, and the plan before it, write to it.
type tally struct {
	planned, done, read  int
	refused, unavailable bool    // seen as the reason why something was not read
	sources              []error // what is wrong with sources as a whole
	first                string  // the first failure of a repo
	sum                  registry.RunSummary
}

func (t *tally) sourceFailed(err error) {
	t.sources = append(t.sources, err)
	t.blame(err)
}

// sourceHeld notes that too many repos of a source would leave at once.
func (t *tally) sourceHeld(log *slog.Logger, source, why string) {
	t.sources = append(t.sources, errors.New(heldText(source, why)))
	log.Warn("source is held", "source", source, "error", heldText(source, why))
}

func (t *tally) blame(err error) {
	t.refused = t.refused || errors.Is(err, registry.ErrRefused) || errors.Is(err, registry.ErrProjectRefused)
	t.unavailable = t.unavailable || errors.Is(err, registry.ErrUnavailable)
}

// add counts one repo; cause is why it could not be read.
func (t *tally) add(s registry.RepoSync, cause error) {
	t.done++
	if s.Walks > 0 && s.Status != registry.RepoFailed && s.Status != registry.RepoLocked {
		t.read++
	}
	switch s.Status {
	case registry.RepoOK:
		t.sum.OK++
	case registry.RepoDrifting:
		t.sum.OK++
		t.sum.Drifting++
	case registry.RepoHeld:
		t.sum.Held++
	case registry.RepoLocked:
		t.sum.Locked++
	case registry.RepoFailed:
		t.sum.Failed++
		t.blame(cause)
		if t.first == "" {
			t.first = s.Error
		}
	}
	t.sum.Seen += int64(s.Seen)
	t.sum.New += int64(s.New)
	t.sum.Changed += int64(s.Changed)
	t.sum.Missing += int64(s.Missing)
	t.sum.HistoryRows += int64(s.HistoryRows)
}

// result closes the books; err is what ended the run early.
func (t *tally) result(runID int64, tolerated Tolerance, err error) Result {
	sum := t.sum
	sum.Status = t.status(err)
	sum.Error = t.text(err)
	return Result{RunID: runID, Outcome: t.outcome(tolerated), Planned: t.planned, Undone: t.planned - t.done, Summary: sum}
}

func (t *tally) outcome(tolerated Tolerance) Outcome {
	switch {
	case t.read == 0 && t.refused:
		return Refused
	case t.read == 0 && t.unavailable:
		return Unavailable
	case len(t.sources) > 0, t.sum.Drifting > 0, t.sum.Held > 0:
		return Partial
	case !tolerated.allows(t.sum.Failed, t.planned-t.sum.Locked):
		return Partial
	default:
		return Complete
	}
}

// status is the word for the record. A tolerated failure is still told there.
func (t *tally) status(err error) registry.RunStatus {
	switch {
	case errors.Is(err, errInterrupted):
		return registry.RunAborted
	case err != nil:
		return registry.RunFailed
	case t.sum.Failed == 0 && t.sum.Held == 0 && t.sum.Drifting == 0 && len(t.sources) == 0:
		return registry.RunOK
	case t.read == 0 && t.sum.Held == 0:
		return registry.RunFailed
	default:
		return registry.RunPartial
	}
}

// text says in the record what was wrong: what ended the run, sources that could not be listed, the first repo that failed.
func (t *tally) text(err error) string {
	var parts []string
	for _, e := range append([]error{err}, t.sources...) {
		if e != nil {
			parts = append(parts, e.Error())
		}
	}
	if t.sum.Failed > 0 {
		parts = append(parts, "first failure: "+t.first)
	}
	return strings.Join(parts, "; ")
}

// heldText says why a source is held, and what to do.
func heldText(source, why string) string {
	return fmt.Sprintf("source %q is held, no repo of it is taken for gone: %s. Check its project and keys; if the repos are really gone, run sync with --allow-mass-delete '%s%s'",
		source, why, source, allOf)
}
