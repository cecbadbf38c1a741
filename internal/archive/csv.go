package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csv reads rows under a header whose columns stand in any order; see synonyms. They are separated by commas, semicolons or tabs.
func (r *reader) csv(in *input) error {
	rows := &lines{in: in.Reader}
	table, err := r.header(rows)
	if err != nil {
		return err
	}
	var row [][]byte
	for {
		line, reason, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var t texts
		if reason == "" {
			if row, reason = split(row[:0], line, table.comma); reason == "" {
				if blank(row) {
					continue
				}
				reason = table.fill(&t, row)
			}
		}
		if !r.take(LineError{Line: rows.n, Reason: reason}, &t) {
			return nil
		}
	}
}

// blank reports whether a row holds nothing, as those that spreadsheets write below a table.
func blank(row [][]byte) bool {
	for _, value := range row {
		if len(value) > 0 {
			return false
		}
	}
	return true
}

// headerError is a header that is not understood. Its file cannot be read: to leave it out would be to lose every line of it.
type headerError struct {
	line   int
	reason string
}

func (e headerError) Error() string { return fmt.Sprintf("%d: %s", e.line, e.reason) }

// header reads the first line.
func (r *reader) header(rows *lines) (*table, error) {
	line, reason, err := rows.next()
	if err != nil {
		return nil, err
	}
	comma := separator(line)
	if hint, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("sep=")); ok && len(hint) == 1 { // for Excel
		comma = hint[0]
		if line, reason, err = rows.next(); err != nil {
			return nil, err
		}
	}
	if reason != "" {
		return nil, headerError{rows.n, reason}
	}
	row, reason := split(nil, line, comma)
	if reason != "" {
		return nil, headerError{rows.n, reason}
	}
	names := make([]string, len(row))
	for i, name := range row {
		names[i] = strings.Clone(string(name))
	}
	table, reason := r.table(names)
	if reason != "" {
		return nil, headerError{rows.n, reason}
	}
	table.comma = comma
	return table, nil
}

// separator is the one that stands most often in the header.
func separator(header []byte) byte {
	most := byte(',')
	for _, c := range []byte(";\t") {
		if bytes.Count(header, []byte{c}) > bytes.Count(header, []byte{most}) {
			most = c
		}
	}
	return most
}

// table is what a header says.
type table struct {
	comma  byte
	fields []string // the field of each column; empty when the column is left out
	mute   []bool   // of columns that are left out: what stands there must not be text
	named  int      // columns up to the last that has a name
	repo   []byte   // of a file without a column for it; nil when the lines name it
	image  []byte   // likewise
}

// fill sorts a row's values into texts.
func (tab *table) fill(t *texts, row [][]byte) (reason string) {
	if len(row) < tab.named {
		return fmt.Sprintf("%d values, but the header names %d columns", len(row), tab.named)
	}
	t.repo, t.image = tab.repo, tab.image
	for i, value := range row {
		switch {
		case i >= tab.named:
			if len(value) > 0 {
				return fmt.Sprintf("value %q stands beyond the columns that the header names", shorten(string(value)))
			}
		case tab.fields[i] != "":
			*t.field(tab.fields[i]) = value
		case tab.mute[i] && isText(value):
			return fmt.Sprintf("%q stands in a column that is not known, and might name the image: call that column image, or leave it out", shorten(string(value)))
		}
	}
	return ""
}

// isText reports whether a value is neither a number, a time, nor a way to say nothing.
func isText(value []byte) bool {
	switch strings.ToLower(string(value)) {
	case "", "nan", "na", "n/a", "null", "none", "true", "false":
		return false
	}
	return bytes.ContainsFunc(value, func(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 0x7f })
}
