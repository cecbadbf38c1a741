package registry

import "errors"

// A read ends for a reason that tells how far the harm reaches. Whoever reads a registry wraps one of these; any other error
// concerns the one repo it came from.
var (
	// ErrRefused: the credentials are not accepted; no further request to this source makes sense.
	ErrRefused = errors.New("credentials refused by the registry")
	// ErrProjectRefused: this project is unknown or not permitted; others of the source may be.
	ErrProjectRefused = errors.New("project refused by the registry")
	// ErrUnavailable: the registry is down or throttles beyond the retry budget.
	ErrUnavailable = errors.New("registry unavailable")
	// ErrRepoGone: a complete listing, read after the repo's own call was refused, does not hold the repo.
	ErrRepoGone = errors.New("repo is not in the registry's list")
	// ErrNothingListed comes with ErrRepoGone when that listing holds no repo at all: it may be another project's, or an outage.
	ErrNothingListed = errors.New("the list of the project's repos is empty")
)
