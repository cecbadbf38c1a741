package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// column ties one column of a table to the field of a row that holds it. Everything that names the columns of a row (lists,
// COPY, scans, arrays for unnest) is made from one slice of these, so that a column is added in one place.
type column[T any] struct {
	name   string
	sql    string // its type in SQL
	target func(*T) any
	value  func(*T) any
	array  func([]T) any
	same   func(a, b *T) bool
	text   func(*T) string // for people; NULL where there is none
}

// col makes a column of the field that at points to.
func col[T, V any](name, sql string, at func(*T) *V) column[T] {
	return column[T]{
		name:   name,
		sql:    sql,
		target: func(row *T) any { return at(row) },
		value:  func(row *T) any { return *at(row) },
		array: func(list []T) any {
			values := make(pgtype.FlatArray[V], len(list))
			for i := range list {
				values[i] = *at(&list[i])
			}
			return values
		},
		same: func(a, b *T) bool { return sameValue(*at(a), *at(b)) },
		text: func(row *T) string { return showValue(*at(row)) },
	}
}

// shown gives the column another text for people.
func (c column[T]) shown(text func(*T) string) column[T] {
	c.text = text
	return c
}

// sameValue compares two values of a column, which are of one type; moments are compared as such.
func sameValue(a, b any) bool {
	switch x := a.(type) {
	case time.Time:
		y, _ := b.(time.Time)
		return x.Equal(y)
	case *time.Time:
		y, _ := b.(*time.Time)
		return sameMoment(x, y)
	case *int64:
		y, _ := b.(*int64)
		return equal(x, y)
	case *int32:
		y, _ := b.(*int32)
		return equal(x, y)
	case *int16:
		y, _ := b.(*int16)
		return equal(x, y)
	case *string:
		y, _ := b.(*string)
		return equal(x, y)
	default:
		return a == b
	}
}

func showValue(v any) string {
	switch x := v.(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case *time.Time:
		return show(x)
	case *int64:
		return show(x)
	case *int32:
		return show(x)
	case *int16:
		return show(x)
	case *string:
		return show(x)
	default:
		return fmt.Sprint(x)
	}
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
	return showValue(*p)
}

// table is a table and the columns of it that rows of type T hold. The first keys columns are its key; a table without a key is a
// temporary one.
type table[T any] struct {
	name    string
	keys    int
	columns []column[T]
}

// same reports whether two rows are equal in every column.
func (t *table[T]) same(a, b *T) bool {
	for i := range t.columns {
		if !t.columns[i].same(a, b) {
			return false
		}
	}
	return true
}

// differences names the columns in which two rows differ.
func (t *table[T]) differences(a, b *T, differ func(column, a, b string)) {
	for _, c := range t.columns {
		if !c.same(a, b) {
			differ(c.name, c.text(a), c.text(b))
		}
	}
}

// names is the list of the columns, each with the prefix, for SELECT.
func (t *table[T]) names(prefix string) string {
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		list[i] = prefix + c.name
	}
	return strings.Join(list, ", ")
}

// targets are where a row's columns are scanned to, in the order of names.
func (t *table[T]) targets(row *T) []any {
	list := make([]any, len(t.columns))
	for i, c := range t.columns {
		list[i] = c.target(row)
	}
	return list
}

func (t *table[T]) identifier() pgx.Identifier {
	if t.keys == 0 {
		return pgx.Identifier{t.name}
	}
	return pgx.Identifier{"syncer", t.name}
}

// copyIn adds rows by COPY.
func (t *table[T]) copyIn(ctx context.Context, tx pgx.Tx, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	values := make([]any, len(t.columns)) // the driver encodes a row before it asks for the next
	_, err := tx.CopyFrom(ctx, t.identifier(), names, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		for n, c := range t.columns {
			values[n] = c.value(&rows[i])
		}
		return values, nil
	}))
	return err
}

// arrays are the arguments of unnest.
func (t *table[T]) arrays(rows []T) []any {
	list := make([]any, len(t.columns))
	for i, c := range t.columns {
		list[i] = c.array(rows)
	}
	return list
}

// unnest is the FROM item u that rows become, with the first of its arguments numbered from.
func (t *table[T]) unnest(from int) string {
	types := make([]string, len(t.columns))
	for i, c := range t.columns {
		types[i] = fmt.Sprintf("$%d::%s[]", from+i, c.sql)
	}
	return "unnest(" + strings.Join(types, ", ") + ") AS u (" + t.names("") + ")"
}

// onKey is the condition that t and u have the same key.
func (t *table[T]) onKey() string {
	list := make([]string, t.keys)
	for i := range list {
		list[i] = "t." + t.columns[i].name + " = u." + t.columns[i].name
	}
	return strings.Join(list, " AND ")
}

// queueInsert adds rows within a batch, which spares few rows a round trip.
func (t *table[T]) queueInsert(b *pgx.Batch, rows []T) {
	if len(rows) > 0 {
		b.Queue(fmt.Sprintf("-- name: Insert %[1]s\nINSERT INTO syncer.%[1]s (%[2]s) SELECT %[2]s FROM %[3]s", t.name, t.names(""), t.unnest(1)),
			t.arrays(rows)...)
	}
}

// queueUpdate sets all columns of rows that are there.
func (t *table[T]) queueUpdate(b *pgx.Batch, rows []T) {
	if len(rows) == 0 {
		return
	}
	set := make([]string, 0, len(t.columns))
	for _, c := range t.columns[t.keys:] {
		set = append(set, c.name+" = u."+c.name)
	}
	b.Queue(fmt.Sprintf("-- name: Update %[1]s\nUPDATE syncer.%[1]s t SET %[2]s FROM %[3]s WHERE %[4]s",
		t.name, strings.Join(set, ", "), t.unnest(1), t.onKey()), t.arrays(rows)...)
}

// queueDelete takes rows out by their keys.
func (t *table[T]) queueDelete(b *pgx.Batch, rows []T) {
	if len(rows) == 0 {
		return
	}
	keys := table[T]{name: t.name, keys: t.keys, columns: t.columns[:t.keys]}
	b.Queue(fmt.Sprintf("-- name: Delete %[1]s\nDELETE FROM syncer.%[1]s t USING %[2]s WHERE %[3]s", t.name, keys.unnest(1), keys.onKey()),
		keys.arrays(rows)...)
}

// queueEdits changes and takes out rows. Those to add are left to copyIn.
func (t *table[T]) queueEdits(b *pgx.Batch, e *edits[T]) {
	t.queueDelete(b, e.remove)
	t.queueUpdate(b, e.change)
}

// coalesced is the list of the columns after the first from, each with the prefix; those of a row that is not there are zero where
// they may not be NULL.
func (t *table[T]) coalesced(prefix string, from int) string {
	var row T
	list := make([]string, 0, len(t.columns))
	for _, c := range t.columns[from:] {
		name := prefix + c.name
		if zero, ok := zeroOf(c.value(&row)); ok {
			name = "COALESCE(" + name + ", " + zero + ")"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

// zeroOf is the zero of a column that may not be NULL, in SQL.
func zeroOf(v any) (string, bool) {
	switch v.(type) {
	case int16, int32, int64:
		return "0", true
	case time.Time:
		return "'epoch'::timestamptz", true
	default:
		return "", false
	}
}

// each gathers a value of every element for unnest.
func each[T, V any](list []T, value func(*T) V) pgtype.FlatArray[V] {
	values := make(pgtype.FlatArray[V], len(list))
	for i := range list {
		values[i] = value(&list[i])
	}
	return values
}
