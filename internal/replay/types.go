// Package replay derives everything that is said of one image from the facts that are stored of it: the looks at its repo
// and the readings of the image, in the order of time. Live looks call Step, imports and verifications Image;
// Image is a fold of Step. It has no clock and does no I/O.
//
// All times are UTC and whole microseconds, as the database keeps them; the zero time stands for NULL.
package replay

import (
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// Text is a text column that may be NULL.
type Text struct {
	Text  string
	Known bool // false: NULL
}

// Known is a text that is known, be it empty.
func Known(text string) Text { return Text{Text: text, Known: true} }

// The weights of evidence that an image is absent, as looks have them.
const (
	WeightNone     = 0 // proves nothing
	WeightUnion    = 1 // union of drifting walks
	WeightComplete = 2 // complete look
	WeightGone     = 4 // the repo left the lists
)

// Sums of weights at which an image is called missing and deleted.
const (
	missingAt = 2
	deletedAt = 4
)

// Reading is a stored row of readings: facts, and what was derived from them when it was written.
//
// When months are dropped, a replay can go on from these rows, which have to be kept: the last one with a kind other than
// suspect and all after it (all, when there is none); and of those up to it the last live one, and the last live and the last
// archived one each with a tag, with a CreateTime, with one that is not empty and with one that was understood.
type Reading struct {
	At       time.Time
	Archived bool // a moment that stands for itself; otherwise a live row, which holds until the next live row
	Kept     bool // of a dropped month: Row is trusted and never derived again

	Counted bool // pull_count is not NULL
	Count   int64
	Absent  bool // absent is not NULL
	Weight  int8 // value of absent: evidence of an archived absence, 0 in live rows
	Tag     Text
	Created Text
	Updated Text // archived rows only

	Row Row // derived columns as stored; Row.Kind 0 when they are NULL. Row.At and Row.Count are At and Count
}

// Row is a row of the history.
type Row struct {
	At         time.Time
	Since      time.Time // zero: NULL
	Count      int64
	Pulls      int64
	Unknown    bool // pulls is NULL
	Kind       pulls.Kind
	Generation int32
}

// EventKind names an event of presence or of tags.
type EventKind string

// The kinds of events.
const (
	TagPushed  EventKind = "tag_pushed"
	Missing    EventKind = "missing"
	Deleted    EventKind = "deleted"
	Reappeared EventKind = "reappeared"
)

// Event is something that happened to an image. An image has at most one event of a kind at a moment.
type Event struct {
	At   time.Time
	Kind EventKind
	Old  string // tag before; last count (empty: never read); or `missing` or `deleted`
	New  string // tag after
}

// Day is the sum of a UTC day's history rows.
type Day struct {
	Day     time.Time
	Pulls   int64
	Unknown bool // pulls is NULL
	Count   int64
	Resets  int32
}

// State is what the image's row says.
type State struct {
	pulls.State

	Tag         Text
	CreatedRaw  string             // last non-empty CreateTime of a counted reading
	Updated     registry.Timestamp // last UpdateTime of live looks; not derived, as their readings do not keep it
	UpdatedAt   time.Time          // last live look that gave it; zero: none did
	Archived    time.Time          // last UpdateTime of archives, as far as it was understood, while it is newer than that look
	UpdatedFrom time.Time          // archived moment it is of; zero: there is none

	FirstSeen    time.Time
	AbsentAt     time.Time // last look before FirstSeen that proves the image was not there yet
	LastSeen     time.Time
	LastCounted  time.Time
	LastPulled   time.Time
	Absence      int8 // sum of evidence since the image was last seen, at most 4
	MissingSince time.Time
	DeletedAt    time.Time

	Live LiveFlags
}

// LiveFlags says what the last live look said of the image, as far as State does not say it already. Step needs it to know
// whether a live look has to be stored as a reading: archived readings may have changed State meanwhile.
type LiveFlags uint8

// The flags of LiveFlags.
const (
	LiveRow       LiveFlags = 1 << iota // there is a live reading
	LiveAbsent                          // it says that the image was not in the list
	LiveUncounted                       // it says that the image was there and its count could not be read
	LiveCount                           // it counted the image, and State.Count is its count
	LiveTag                             // live readings gave a tag, and it is State.Tag
	LiveCreated                         // the CreateTime that it gave is State.CreatedRaw
	LiveNoCreated                       // it gave no CreateTime
)

// Observation is what one look or archived moment says of an image.
type Observation struct {
	At       time.Time
	Archived bool
	Absent   bool
	Weight   int8 // evidence of absence when Absent
	Counted  bool
	Count    int64
	Tag      Text // live looks that saw the image always know it
	Created  registry.Timestamp
	Updated  registry.Timestamp
}

// Outcome is what an observation adds. The caller may use one Outcome for many steps.
type Outcome struct {
	Fact    bool    // Reading has to be stored as a live row
	Reading Reading // with Row, when the observation is a live one
	Row     Row     // Row.Kind is 0 when the history has no row for the observation
	Events  []Event
	Updated bool // an UpdateTime has changed, which nothing else tells
}
