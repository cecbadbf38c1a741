package pulls

// Kind says what happened in the window that a history row stands for. The numbers are those of the database.
type Kind int16

// The kinds of a history row.
const (
	// Baseline is the first sight of an image in a repo never completely seen before: what was pulled until then is unknown.
	Baseline Kind = 1 + iota
	// New is the first sight of an image in a repo that was completely seen without it: all its pulls are of this window.
	New
	// Increase is a count above the believed one.
	Increase
	// Correction is a fall that was believed and never went below half of the believed count.
	Correction
	// Suspect is a count below the believed one that is not believed yet.
	Suspect
	// Recovered follows Suspect when the count is back at or above the believed one.
	Recovered
	// Reset is a fall below half that was believed, or the count of an image that was made anew.
	Reset
)

var kindNames = [...]string{"", "baseline", "new", "increase", "correction", "suspect", "recovered", "reset"}

// String is the kind as reports name it.
func (k Kind) String() string {
	if k < Baseline || k > Reset {
		return "unknown"
	}
	return kindNames[k]
}
