package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"syncer/internal/registry"
)

// scalar is a JSON value that may be text or number. The zero scalar is an absent or null one.
type scalar struct {
	text string
	kind kind
}

type kind uint8

const (
	absent   kind = iota
	text          // a JSON string, unquoted
	number        // a JSON number or boolean, as it stood there
	unfit         // an object, an array, or a string that is not Unicode
	overlong      // too long for any text that is kept: text is its beginning and a digest of the whole
)

func (v *scalar) UnmarshalJSON(b []byte) error {
	if len(b) > maxRaw && b[0] != '{' && b[0] != '[' {
		begin := strings.ToValidUTF8(strings.ReplaceAll(string(b[1:1+maxShown]), "\x00", "?"), "?")
		*v = scalar{text: begin + hex.EncodeToString([]byte(digest(b))), kind: overlong}
		return nil
	}
	switch b[0] {
	case 'n':
		*v = scalar{}
	case '{', '[':
		*v = scalar{kind: unfit}
	case '"':
		if bytes.IndexByte(b, '\\') >= 0 {
			return v.unescape(b)
		}
		v.text, v.kind = string(b[1:len(b)-1]), text
		if !utf8.ValidString(v.text) {
			v.kind = unfit
		}
	default:
		*v = scalar{text: string(b), kind: number}
	}
	return nil
}

// maxRaw is the longest form in which a text of maxText bytes can stand in an answer: six bytes for each, and the quotes. What is longer
// is never copied, however much of it there is.
const maxRaw = 6*maxText + 2

// unescape reads a string with escapes. The library replaces half surrogates and bad bytes; two names must not become one by that.
func (v *scalar) unescape(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*v = scalar{text: s, kind: text}
	sent := strings.Count(string(b), "\ufffd") + strings.Count(strings.ToLower(string(b)), `\ufffd`)
	if strings.Count(s, "\ufffd") > sent {
		v.kind = unfit
	}
	return nil
}

// name is the row's key and why it cannot be used as a name, if so. A key that is no name begins with NUL, as no name does.
func name(v scalar) (key, fault string) {
	switch {
	case v.kind == unfit && v.text == "":
		return "", "name is not a text"
	case v.text == "":
		return "", "row has no name"
	case v.kind == unfit:
		return "\x00" + digest(v.text), "name is not valid Unicode"
	case strings.IndexByte(v.text, 0) >= 0:
		return "\x00" + digest(v.text), "name holds a NUL byte"
	case len(v.text) > maxName, v.kind == overlong:
		return "\x00" + digest(v.text), fmt.Sprintf("name is longer than %d bytes", maxName)
	}
	return v.text, ""
}

// count reads a PullCount, or says why there is none. An unreadable count is no observation, which is not the same as 0.
func count(v scalar) (n int64, fault string) {
	if v.kind == absent {
		return 0, "PullCount is missing"
	}
	n, ok := v.integer()
	if !ok || n < 0 || n > registry.MaxPullCount {
		return 0, fmt.Sprintf("PullCount is not a count: %q", Shorten(strings.ToValidUTF8(v.text, "?"), 40))
	}
	return n, ""
}

// label is a text that is kept as it stands, such as a tag, or nothing and why.
func (v *scalar) label(field string) (s, fault string) {
	switch {
	case v.kind == unfit:
		return "", field + " is not a text"
	case strings.IndexByte(v.text, 0) >= 0:
		return "", field + " holds a NUL byte"
	case len(v.text) > maxText, v.kind == overlong:
		return "", fmt.Sprintf("%s is longer than %d bytes", field, maxText)
	}
	return v.text, ""
}

// integer reads a whole number in any spelling: 12, "12", 12.0, 1.2e1.
func (v *scalar) integer() (int64, bool) {
	if v.kind != text && v.kind != number {
		return 0, false
	}
	s := strings.TrimSpace(v.text)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	if whole, fraction, ok := strings.Cut(s, "."); ok && strings.Trim(fraction, "0") == "" {
		n, err := strconv.ParseInt(whole, 10, 64)
		return n, err == nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 { // beyond that a float has no single digits
		return 0, false
	}
	return int64(f), true
}

// digest stands in for a name that cannot be kept, so that a row with it is known again on the next page.
func digest[T string | []byte](s T) string {
	h := fnv.New128a()
	h.Write([]byte(s)) // never fails
	return string(h.Sum(nil))
}

// timestamp reads a time in any of the forms the registry's family uses. Nothing, "" and 0 are no time and no fault.
func (d Decoder) timestamp(v scalar, field string) (registry.Timestamp, string) {
	raw, fault := v.label(field)
	if fault != "" || raw == "" {
		return registry.Timestamp{}, fault
	}
	t, ok := registry.ParseTimestamp(raw, d.Zone)
	if !ok {
		fault = field + " is not understood: " + strconv.Quote(Shorten(raw, 40))
	}
	return t, fault
}

// maxQuote bounds what an error quotes of an answer, in bytes.
const maxQuote = 200

// Shorten cuts a text to at most n bytes, at a rune's border.
func Shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}
