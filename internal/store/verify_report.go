package store

import "time"

// Difference is a derived value that the facts do not bear out.
type Difference struct {
	Source   string     `json:"source"`
	Repo     string     `json:"repo"`
	Image    string     `json:"image,omitempty"` // empty: the repo itself
	What     string     `json:"what"`            // table.column
	At       *time.Time `json:"at,omitempty"`    // row the value stands in, as observed_at or day; nil for the only row
	Stored   string     `json:"stored"`
	Derived  string     `json:"derived"`
	Repaired bool       `json:"repaired"`
}

// report tells the differences between the rows of a table.
func report[T any](v *verifier, m *image, t *table[T], e *edits[T], at func(*T) *time.Time) {
	key := t.name + "." + t.columns[t.keys-1].name
	for i := range e.add {
		v.differ(m, key, at(&e.add[i]), "no row", "a row", true)
	}
	for i := range e.remove {
		v.differ(m, key, at(&e.remove[i]), "a row", "no row", true)
	}
	for i := range e.change {
		t.differences(&e.was[i], &e.change[i], func(column, stored, derived string) {
			v.differ(m, t.name+"."+column, at(&e.change[i]), stored, derived, true)
		})
	}
}

// differ reports a difference, of the repo itself when m is nil.
func (v *verifier) differ(m *image, what string, at *time.Time, stored, derived string, mendable bool) {
	d := Difference{
		Source: v.repo.key.Source, Repo: v.repo.key.Name, What: what, Stored: stored, Derived: derived, Repaired: v.opt.Repair && mendable,
	}
	if at != nil {
		moment := at.UTC()
		d.At = &moment
	}
	if m != nil {
		d.Image = m.Name
	}
	v.found = append(v.found, d)
}
