package store

import (
	"fmt"
	"time"

	"syncer/internal/pulls"
	"syncer/internal/registry"
)

// derivation re-derives one image from the counts of its history alone.
type derivation struct {
	image   *image
	rows    []historyRow
	horizon time.Time // months of the history that ended by then were dropped; zero: none were

	report   func(what string, at time.Time, stored, derived any, mendable bool)
	fixRows  []historyRow
	days     []dayRow // in order, from the horizon on
	state    pulls.State
	observed *time.Time
	pulled   *time.Time
}

// truncated tells whether the beginning of the image's history was dropped.
func (d *derivation) truncated() bool { return d.image.FirstSeenAt.Before(d.horizon) }

func (d *derivation) run() {
	for i := range d.rows {
		row := d.rows[i] // a copy: what is stored
		want, known := d.step(i)
		if known {
			d.compareRow(&row, &want)
		}
		d.addDay(&want)
		at := row.observedAt
		d.observed = &at
		if value(want.pulls) > 0 {
			d.pulled = &at
		}
	}
}

// step is what row i must say, given the rows before. It is not known when the rows before were dropped.
func (d *derivation) step(i int) (want historyRow, known bool) {
	row := &d.rows[i]
	o := pulls.Observation{Count: row.count}
	want = *row
	var change pulls.Change
	switch {
	case i == 0 && d.truncated(), d.state.Kind == pulls.Suspect && d.state.Before < 0:
		d.trust(row)
		return want, false
	case i == 0:
		d.state, change = pulls.First(o, d.image.AbsentAt != nil)
		want.since = d.image.AbsentAt
	default:
		if row.generation == d.state.Generation+1 {
			d.state.Created, o.Created = anewBefore, anewNow
		}
		next, c, changed := pulls.Next(d.state, o)
		if !changed {
			d.report("history.kind", row.observedAt, row.kind, "no row: nothing changed", false)
			d.state.Created = registry.Timestamp{}
			return want, false
		}
		d.state, change = next, c
		want.since = d.window(i)
	}
	d.state.Created = registry.Timestamp{}
	want.kind, want.generation = change.Kind, change.Generation
	want.pulls = nil
	if !change.Unknown {
		want.pulls = &change.Pulls
	}
	return want, true
}

// Two moments that differ: how a generation that rose tells that CreateTime had changed.
var (
	anewBefore = registry.Timestamp{Raw: "1", At: time.Unix(1, 0)}
	anewNow    = registry.Timestamp{Raw: "2", At: time.Unix(2, 0)}
)

// trust takes a row for true whose predecessor was dropped.
func (d *derivation) trust(row *historyRow) {
	d.state = pulls.State{Kind: row.kind, Count: row.count, Generation: row.generation}
	if row.kind == pulls.Suspect {
		d.state.Before = -1 // unknown
	}
}

// window is the since of row i: what is stored, unless that lies outside of the time between the two rows.
func (d *derivation) window(i int) *time.Time {
	before, row := d.rows[i-1].observedAt, &d.rows[i]
	if row.since == nil || row.since.Before(before) || !row.since.Before(row.observedAt) {
		return &before
	}
	return row.since
}

func (d *derivation) compareRow(row, want *historyRow) {
	differs := false
	check := func(what string, same bool, stored, derived any) {
		if !same {
			d.report(what, row.observedAt, stored, derived, true)
			differs = true
		}
	}
	check("history.kind", row.kind == want.kind, row.kind, want.kind)
	check("history.generation", row.generation == want.generation, row.generation, want.generation)
	check("history.pulls", equal(row.pulls, want.pulls), show(row.pulls), show(want.pulls))
	check("history.since", sameMoment(row.since, want.since), show(row.since), show(want.since))
	if differs {
		d.fixRows = append(d.fixRows, *want)
	}
}

func (d *derivation) addDay(row *historyRow) {
	day := dayOf(row.observedAt)
	if n := len(d.days); n == 0 || !d.days[n-1].day.Equal(day) {
		d.days = append(d.days, dayRow{image: row.image, day: day})
	}
	last := &d.days[len(d.days)-1]
	last.count = row.count
	if row.pulls != nil {
		sum := addCapped(value(last.pulls), *row.pulls)
		last.pulls = &sum
	}
	if row.kind == pulls.Reset {
		last.resets++
	}
}

// current compares the image's row with its history, and returns what the row must say when it does not.
func (d *derivation) current() (want image, differs bool) {
	m := d.image
	want = *m
	if len(d.rows) == 0 && d.truncated() {
		return want, false
	}
	want.PullCount, want.Kind, want.CountBefore, want.ObservedAt, want.Generation = nil, nil, nil, d.observed, 1
	if len(d.rows) > 0 {
		kind := int16(d.state.Kind)
		want.PullCount, want.Kind, want.Generation = &d.state.Count, &kind, d.state.Generation
	}
	if d.state.Kind == pulls.Suspect {
		want.CountBefore = &d.state.Before
		if d.state.Before < 0 {
			want.CountBefore = m.CountBefore
		}
	}
	if d.pulled != nil || !d.truncated() {
		want.LastPulledAt = d.pulled
	}
	check := func(what string, same bool, stored, derived any) {
		if !same {
			d.report(what, time.Time{}, stored, derived, true)
			differs = true
		}
	}
	check("images.pull_count", equal(m.PullCount, want.PullCount), show(m.PullCount), show(want.PullCount))
	check("images.kind", equal(m.Kind, want.Kind), show(m.Kind), show(want.Kind))
	check("images.count_before", equal(m.CountBefore, want.CountBefore), show(m.CountBefore), show(want.CountBefore))
	check("images.generation", m.Generation == want.Generation, m.Generation, want.Generation)
	check("images.observed_at", sameMoment(m.ObservedAt, want.ObservedAt), show(m.ObservedAt), show(want.ObservedAt))
	check("images.last_pulled_at", sameMoment(m.LastPulledAt, want.LastPulledAt), show(m.LastPulledAt), show(want.LastPulledAt))
	return want, differs
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameMoment(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// show writes a NULL-able value the way people read it.
func show[T any](p *T) string {
	if p == nil {
		return "NULL"
	}
	if t, ok := any(*p).(time.Time); ok {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(*p)
}
