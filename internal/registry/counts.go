package registry

import "math"

// AddCounts adds counts that a hostile registry may have made up: the sum stays at the largest number rather than wrapping.
func AddCounts(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
