package store

import (
	"time"

	"syncer/internal/pulls"
)

// changes is what looks add up to write.
type changes struct {
	inserts []image
	updates []image
	moves   []move
	history []historyRow
	days    []dayRow // first row of an image on a day
	dayAdds []dayRow // later ones
	events  []eventRow
}

// move is a count that went up, or down a little, of an image about which nothing else is in doubt.
type move struct {
	image     int64
	count     int64
	kind      pulls.Kind
	at        time.Time
	updateRaw *string // NULL: as before
	updated   *time.Time
}

type historyRow struct {
	image      int64
	observedAt time.Time
	since      *time.Time
	count      int64
	pulls      *int64
	generation int32
	kind       pulls.Kind
}

type dayRow struct {
	image  int64
	day    time.Time
	pulls  *int64
	count  int64
	resets int32
}

type eventRow struct {
	at       time.Time
	repo     int64
	image    *int64
	event    string
	old, new *string
}
