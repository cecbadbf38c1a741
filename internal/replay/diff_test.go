package replay

import (
	"fmt"
	"slices"
	"time"
)

// Change is a difference between what is stored and what the facts say. Stored is nil where nothing is stored, Want where
// nothing should be.
type Change[T any] struct{ Stored, Want *T }

// Field is a column of the image's row that differs.
type Field struct{ Name, Stored, Want string }

// Difference is what must be written for the stored state to be what the facts say; verify reports it, an import writes it.
type Difference struct {
	// Rows are the derived columns of readings. Stored nil: there is no reading at the moment, which is one of a live look; a
	// live reading with Want's count has to be added. Stored.Kind 0: the reading's columns are NULL. Want nil: they should be.
	// Stored.Count (-1: NULL) is not Want.Count: the reading is archived, at the moment of a live look that counted the image; a live
	// reading with Want's count and no texts has to take its place.
	Rows   []Change[Row]
	Events []Change[Event] // both set: the same kind at the same moment with other values
	Days   []Change[Day]
	State  []Field
}

// Empty reports whether there is no difference.
func (d *Difference) Empty() bool {
	return len(d.Rows) == 0 && len(d.Events) == 0 && len(d.Days) == 0 && len(d.State) == 0
}

// Diff compares what is stored with what Image made of it. Pointers point into both.
func Diff(stored *Stored, want *Result) Difference {
	d := Difference{Rows: diffRows(stored.Readings, want), State: diffState(&stored.State, &want.State)}
	events := func(e *Event) Event { return Event{At: e.At, Kind: e.Kind} }
	d.Events = diff(stored.Events, want.Events, func(a, b *Event) int { return compareEvents(events(a), events(b)) },
		func(a, b *Event) bool { return a.Old == b.Old && a.New == b.New })
	first, _ := slices.BinarySearchFunc(stored.Days, want.Dropped, func(d Day, at time.Time) int {
		if d.Day.After(at) {
			return 1
		}
		return -1
	})
	d.Days = diff(stored.Days[first:], want.Days, func(a, b *Day) int { return a.Day.Compare(b.Day) },
		func(a, b *Day) bool {
			return a.Pulls == b.Pulls && a.Unknown == b.Unknown && a.Count == b.Count && a.Resets == b.Resets
		})
	return d
}

func diffRows(readings []Reading, want *Result) []Change[Row] {
	var stored []Row
	for i := range readings {
		if r := &readings[i]; r.At.After(want.Dropped) {
			row := r.Row
			row.At, row.Count = r.At, r.Count
			if !r.Counted {
				row.Count = -1
			}
			stored = append(stored, row)
		}
	}
	changes := diff(stored, want.Rows, func(a, b *Row) int { return a.At.Compare(b.At) }, func(a, b *Row) bool {
		return a.Count == b.Count && a.Kind == b.Kind && a.Since.Equal(b.Since) && a.Pulls == b.Pulls && a.Unknown == b.Unknown && a.Generation == b.Generation
	})
	return slices.DeleteFunc(changes, func(c Change[Row]) bool { return c.Want == nil && c.Stored.Kind == 0 })
}

// diff walks two ordered lists side by side.
func diff[T any](stored, want []T, order func(a, b *T) int, same func(a, b *T) bool) []Change[T] {
	var changes []Change[T]
	for i, k := 0, 0; i < len(stored) || k < len(want); {
		side := 1
		switch {
		case k == len(want):
			side = -1
		case i < len(stored):
			side = order(&stored[i], &want[k])
		}
		switch {
		case side < 0:
			changes = append(changes, Change[T]{Stored: &stored[i]})
			i++
		case side > 0:
			changes = append(changes, Change[T]{Want: &want[k]})
			k++
		default:
			if !same(&stored[i], &want[k]) {
				changes = append(changes, Change[T]{&stored[i], &want[k]})
			}
			i, k = i+1, k+1
		}
	}
	return changes
}

// diffState names the columns that differ.
func diffState(stored, want *State) []Field {
	if *stored == *want {
		return nil
	}
	var fields []Field
	field := func(name string, same bool, stored, want any) {
		if !same {
			fields = append(fields, Field{name, text(stored), text(want)})
		}
	}
	moment := func(name string, a, b time.Time) { field(name, a.Equal(b), a, b) }
	field("pull_count", stored.Count == want.Count, stored.Count, want.Count)
	field("believed", stored.Believed == want.Believed, stored.Believed, want.Believed)
	moment("fallen_at", stored.FallenAt, want.FallenAt)
	field("lowest", stored.Lowest == want.Lowest, stored.Lowest, want.Lowest)
	field("generation", stored.Generation == want.Generation, stored.Generation, want.Generation)
	moment("created_at", stored.Created, want.Created)
	field("latest_tag", stored.Tag == want.Tag, stored.Tag, want.Tag)
	field("create_time", stored.CreatedRaw == want.CreatedRaw, stored.CreatedRaw, want.CreatedRaw)
	field("update_time", stored.Updated.Raw == want.Updated.Raw, stored.Updated.Raw, want.Updated.Raw)
	moment("updated_at", stored.Updated.At, want.Updated.At)
	moment("update_read_at", stored.UpdatedAt, want.UpdatedAt)
	moment("archived_updated_at", stored.Archived, want.Archived)
	moment("updated_from", stored.UpdatedFrom, want.UpdatedFrom)
	moment("first_seen_at", stored.FirstSeen, want.FirstSeen)
	moment("absent_at", stored.AbsentAt, want.AbsentAt)
	moment("last_seen_at", stored.LastSeen, want.LastSeen)
	moment("last_counted_at", stored.LastCounted, want.LastCounted)
	moment("last_pulled_at", stored.LastPulled, want.LastPulled)
	field("absence", stored.Absence == want.Absence, stored.Absence, want.Absence)
	moment("missing_since", stored.MissingSince, want.MissingSince)
	moment("deleted_at", stored.DeletedAt, want.DeletedAt)
	field("live", stored.Live == want.Live, stored.Live, want.Live)
	return fields
}

// text is a column's value for people; empty for NULL.
func text(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case Text:
		return v.Text
	}
	return fmt.Sprint(v)
}
