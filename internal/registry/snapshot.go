package registry

import "time"

// Evidence is what a read of a repo proves about an image that is not in it.
type Evidence int

const (
	// Partial is a union of fewer walks than drift needs; it proves presence only.
	Partial Evidence = iota
	// Drifting is a union of the full number of walks, none of them clean: an image that is not in it was missed by each.
	Drifting
	// Complete is a clean walk, or two walks in a row that saw the same names.
	Complete
)

// Weight is what one read adds to the evidence that an image it did not see is gone. Two complete reads, or four drifting
// ones, make an image deleted.
func (e Evidence) Weight() int {
	switch e {
	case Complete:
		return 2
	case Drifting:
		return 1
	default:
		return 0
	}
}

// Snapshot is one repo as one read saw it, with the evidence of how complete the read was.
type Snapshot struct {
	Repo       Repo
	StartedAt  time.Time
	FinishedAt time.Time // the moment the snapshot speaks of
	Images     []Image   // one per name, in no particular order
	Evidence   Evidence
	Walks      int   // walks from the first page to the last
	Pages      int   // pages read by all walks
	Seams      int   // seams between pages that did not match
	Duplicates int   // names that were met again outside a seam
	TotalCount int64 // what the registry said last; -1 when it said nothing usable
	// Rejected are rows that could not be used, or only in part, at most MaxRejections of them and each kind once.
	Rejected      []Rejection
	RejectedTotal int // as many rejections there were
	// Nameless is how many rows had no readable name. Each may have been any image, so a snapshot with one proves no absence.
	Nameless int
	// Unread says why the rest of the list could not be read; empty when nothing kept it back. Evidence is Partial then.
	Unread string
}

// Rejection is a row that could not be used, or could be used only in part.
type Rejection struct {
	Image  string // name as far as it could be read, shortened; empty when there was none
	Reason string
}

// Traffic counts what a source sent so far.
type Traffic struct {
	Requests int64 // every HTTP request, retries included
	Retries  int64
}
