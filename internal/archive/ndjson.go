package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxLine bounds a line; all fields together are shorter.
const maxLine = 256 << 10

// ndjson reads lines that are a JSON object each. Keys that are not known are left out.
func (r *reader) ndjson(in *input) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var f [fields][]byte
		reason := scanObject(line, &f)
		if reason == "" {
			o, why := r.record(&f)
			if why == "" {
				if !r.give(o) {
					return nil
				}
				continue
			}
			reason = why
		}
		if !r.bad(n, reason) {
			return nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than %d bytes", maxLine)
	}
	return lines.Err()
}

// scanObject takes a flat object apart. It is ten times as quick as the library, which is asked about whatever is not plain.
func scanObject(line []byte, f *[fields][]byte) (reason string) {
	rest := bytes.TrimLeft(line[1:], " \t")
	if line[0] != '{' {
		return "not a JSON object"
	}
	for len(rest) > 0 && rest[0] == '"' {
		key, after, ok := plainString(rest)
		if !ok {
			return askLibrary(line, f)
		}
		after = bytes.TrimLeft(after, " \t")
		if len(after) == 0 || after[0] != ':' {
			return askLibrary(line, f)
		}
		var value []byte
		value, after, ok = plainValue(bytes.TrimLeft(after[1:], " \t"))
		if !ok {
			return askLibrary(line, f)
		}
		if i, known := fieldNames[string(key)]; known {
			f[i] = value
		}
		rest = bytes.TrimLeft(after, " \t")
		if len(rest) == 1 && rest[0] == '}' {
			return ""
		}
		if len(rest) == 0 || rest[0] != ',' {
			break
		}
		rest = bytes.TrimLeft(rest[1:], " \t")
	}
	return askLibrary(line, f)
}

// plainString reads a string without escapes.
func plainString(b []byte) (text, rest []byte, ok bool) {
	end := bytes.IndexByte(b[1:], '"') + 1
	if end < 1 || bytes.IndexByte(b[1:end], '\\') >= 0 {
		return nil, nil, false
	}
	for _, c := range b[1:end] {
		if c < ' ' {
			return nil, nil, false
		}
	}
	return b[1:end], b[end+1:], true
}

// plainValue reads a plain string, a whole number or null.
func plainValue(b []byte) (value, rest []byte, ok bool) {
	switch {
	case len(b) > 0 && b[0] == '"':
		return plainString(b)
	case bytes.HasPrefix(b, []byte("null")):
		return nil, b[4:], true
	}
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == 0 || n > 1 && b[0] == '0' {
		return nil, nil, false
	}
	return b[:n], b[n:], n < len(b) && b[n] != '.' && b[n] != 'e' && b[n] != 'E'
}

func askLibrary(line []byte, f *[fields][]byte) (reason string) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return "not a JSON object: " + err.Error()
	}
	*f = [fields][]byte{}
	for key, raw := range object {
		i, known := fieldNames[key]
		if !known {
			continue
		}
		text, ok := scalar(raw)
		if !ok {
			return key + " is neither text nor number"
		}
		f[i] = text
	}
	return ""
}

// scalar is the text of a JSON string or number; none for null. A whole number may be written as 12.0.
func scalar(raw json.RawMessage) (text []byte, ok bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, true
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return []byte(s), err == nil
	case raw[0] == '{' || raw[0] == '[' || raw[0] == 't' || raw[0] == 'f':
		return nil, false
	}
	var f float64
	if whole := bytes.ContainsAny(raw, ".eE"); whole {
		if err := json.Unmarshal(raw, &f); err == nil && f == float64(int64(f)) && f < 1<<53 && f > -(1<<53) {
			return fmt.Append(nil, int64(f)), true
		}
	}
	return raw, true
}
