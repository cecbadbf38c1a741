package registry

import "time"

// Image is one row of a repo's list as it was read.
type Image struct {
	Name      string
	PullCount int64 // pulls so far; meaningful only when Counted
	Counted   bool  // false: the row was there but its count could not be read, which is no observation of the count
	LatestTag string
	Created   Timestamp
	Updated   Timestamp
}

// Timestamp is a time of the registry: the text it sent, which is kept, and what could be understood of it.
type Timestamp struct {
	Raw string    // exactly what was sent, without JSON quotes; empty when nothing was
	At  time.Time // UTC; zero when the text is absent or could not be understood
}

// maxZoneOffset bounds what can be explained by a wrong zone: UTC-12:00 to UTC+14:00 lie at most 26 hours apart.
const maxZoneOffset = 26 * time.Hour

// Differs tells whether two readings are of different moments. Unknown differs from nothing. A registry that starts to
// write the same moment in another form (seconds, milliseconds, text without a zone) has not moved it: readings in unlike
// forms that lie a whole number of quarter hours apart, as time zones do, count as the same.
func (t Timestamp) Differs(o Timestamp) bool {
	switch {
	case t.Raw == o.Raw, t.Raw == "", o.Raw == "":
		return false
	case t.At.IsZero() != o.At.IsZero():
		return false
	case t.At.IsZero():
		return true
	}
	a, b := t.At.Truncate(time.Second), o.At.Truncate(time.Second)
	if a.Equal(b) {
		return false
	}
	if shape(t.Raw) == shape(o.Raw) {
		return true
	}
	d := a.Sub(b).Abs()
	return d > maxZoneOffset || d%(15*time.Minute) != 0
}

// shape is the form of a timestamp's text: every digit made 0, so that texts of one format have one shape.
func shape(raw string) string {
	b := []byte(raw)
	for i, c := range b {
		if c >= '1' && c <= '9' {
			b[i] = '0'
		}
	}
	return string(b)
}

// MaxPullCount is the largest count that is believed. A larger one is absurd: nine resets of it would overflow the sums.
const MaxPullCount = 1_000_000_000_000_000_000
