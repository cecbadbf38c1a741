package registry

// Image is one row of a repo's list as it was read.
type Image struct {
	Name      string
	PullCount int64 // pulls so far; meaningful only when Counted
	Counted   bool  // false: the row was there but its count could not be read, which is no observation of the count
	LatestTag string
	Created   Timestamp
	Updated   Timestamp
}

// MaxPullCount is the largest count that is believed. A larger one is absurd: nine resets of it would overflow the sums.
const MaxPullCount = 1_000_000_000_000_000_000
