package archive

import "bytes"

var emptyValue = []byte{}

// split appends the values of a line of CSV to row. A value does not reach over the end of its line: no name holds a line break, and
// a quote that somebody forgot to close would swallow the lines after it. Blanks around a value are not part of it.
// The values lie in the line, which is changed.
func split(row [][]byte, line []byte, comma byte) (values [][]byte, reason string) {
	blanks := " \t"
	if comma == '\t' {
		blanks = " "
	}
	for {
		var value []byte
		if value, line, reason = nextValue(line, comma, blanks); reason != "" {
			return row, reason
		}
		if len(value) == 0 {
			value = emptyValue // not nil: the line holds it
		}
		row = append(row, value)
		if len(line) == 0 {
			return row, ""
		}
		line = line[1:]
	}
}

// nextValue takes the first value of a line; rest begins with the separator, unless it was the last.
func nextValue(line []byte, comma byte, blanks string) (value, rest []byte, reason string) {
	value = bytes.TrimLeft(line, blanks)
	if len(value) == 0 || value[0] != '"' {
		end := bytes.IndexByte(line, comma)
		if end < 0 {
			end = len(line)
		}
		value = bytes.Trim(line[:end], " \t")
		if bytes.IndexByte(value, '"') >= 0 {
			return nil, nil, "a quote stands within a value that is not in quotes"
		}
		return value, line[end:], ""
	}
	value, rest, closed := unquote(value[1:])
	if !closed {
		return nil, nil, "a quote is not closed on its line"
	}
	rest = bytes.TrimLeft(rest, blanks)
	if len(rest) > 0 && rest[0] != comma {
		return nil, nil, "text stands after a value in quotes"
	}
	return value, rest, ""
}

// unquote takes a value from behind its opening quote; a quote within it is written twice.
func unquote(b []byte) (value, rest []byte, closed bool) {
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		return nil, nil, false
	}
	value, rest = b[:end], b[end+1:]
	for len(rest) > 0 && rest[0] == '"' {
		end = bytes.IndexByte(rest[1:], '"')
		if end < 0 {
			return nil, nil, false
		}
		value, rest = append(value, rest[:end+1]...), rest[end+2:]
	}
	return value, rest, true
}
