package registry

import "time"

// RunKind says what a run was for.
type RunKind string

// The kinds of run.
const (
	RunSync     RunKind = "sync"
	RunBackfill RunKind = "backfill"
	RunImport   RunKind = "import"
)

// RunStatus is the state of a run's record.
type RunStatus string

// The states of a run. Aborted is written by a later run that finds the lock of a running one gone.
const (
	RunRunning RunStatus = "running"
	RunOK      RunStatus = "ok"
	RunPartial RunStatus = "partial"
	RunFailed  RunStatus = "failed"
	RunAborted RunStatus = "aborted"
)

// RepoStatus is how one repo fared in one run.
type RepoStatus string

// The ways a repo can fare.
const (
	RepoOK       RepoStatus = "ok"
	RepoDrifting RepoStatus = "drifting" // the list moved too much for a complete read; what was seen is written
	RepoHeld     RepoStatus = "held"     // too many images, or repos of its source, vanished at once; nothing was marked missing
	RepoFailed   RepoStatus = "failed"
	RepoLocked   RepoStatus = "locked" // another run holds the repo
)

// RepoSync is the outcome of one repo in one run.
type RepoSync struct {
	Repo        Repo
	Status      RepoStatus
	Complete    bool
	StartedAt   time.Time
	FinishedAt  time.Time
	Walks       int
	Pages       int
	TotalCount  int64 // -1: unknown
	Seen        int   // images in the snapshot
	New         int
	Changed     int
	Missing     int // images newly marked missing
	Rejected    int
	HistoryRows int
	Gone        bool   // a complete listing does not hold the repo, see ErrRepoGone; Status is failed, or held when too many would leave
	Released    bool   // a person says that the repo is gone
	Error       string // empty when Status is ok
}

// RunSummary adds up a run when it is closed.
type RunSummary struct {
	Status      RunStatus
	FinishedAt  time.Time
	OK          int // repos, drifting ones included
	Failed      int
	Held        int
	Locked      int
	Drifting    int
	Seen        int64 // images
	New         int64
	Changed     int64
	Missing     int64
	HistoryRows int64
	Traffic     Traffic
	Error       string
}
