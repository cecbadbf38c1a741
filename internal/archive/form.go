package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// form is how a file writes observations.
type form int

const (
	formNothing form = iota // an empty file
	formCSV
	formNDJSON
	formAnswer // a saved answer of GetRepoImage
)

// others are files that are not text, by their first bytes, and what helps.
var others = []struct{ magic, advice string }{
	{"\xff\xfe", "this is UTF-16 text: save it as UTF-8"},
	{"\xfe\xff", "this is UTF-16 text: save it as UTF-8"},
	{"PK\x03\x04", "this is a ZIP or Excel file: unpack it, or save the sheet as CSV"},
	{"\xd0\xcf\x11\xe0", "this is an old Excel file: save the sheet as CSV"},
	{"BZh", "this is compressed with bzip2: unpack it, or hand it over as standard input"},
	{"\xfd7zXZ", "this is compressed with xz: unpack it, or hand it over as standard input"},
	{"PAR1", "this is a Parquet file: write it as CSV or NDJSON"},
	{"SQLite format 3", "this is an SQLite database: write its table as CSV"},
}

const (
	tarMagicAt = 257
	headBytes  = 512
)

// form finds out how a file is written, and leaves it at its first byte that is not blank. answers says what a JSON object is that
// does not tell: a saved answer or a line.
func (in *input) form(answers bool) (form, error) {
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return formNothing, err
	}
	for _, other := range others {
		if bytes.HasPrefix(head, []byte(other.magic)) {
			return formNothing, errors.New(other.advice)
		}
	}
	switch {
	case len(head) > tarMagicAt && bytes.HasPrefix(head[tarMagicAt:], []byte("ustar")):
		return formNothing, errors.New("this is a tar: unpack it, and name the folder")
	case len(head) > 1 && (head[0] == 0 || head[1] == 0):
		return formNothing, errors.New("this is UTF-16 text, or none: save it as UTF-8")
	}
	first, err := in.firstByte()
	switch {
	case errors.Is(err, io.EOF):
		return formNothing, nil
	case err != nil:
		return formNothing, err
	case first == '[':
		return formNothing, errors.New("this is a JSON list: write an object a line, as jq -c '.[]' does")
	case first == '<' && answers:
		return formAnswer, nil // a page in place of an answer; reading it says so
	case first != '{':
		return formCSV, nil
	}
	beginning, err := in.Peek(readBuffer)
	if err != nil && !errors.Is(err, io.EOF) {
		return formNothing, err
	}
	if told := objectForm(beginning); told != formNothing {
		return told, nil
	}
	if answers {
		return formAnswer, nil
	}
	return formNDJSON, nil
}

// objectForm tells a saved answer from a line by the keys of the first object; formNothing when it has none of either's.
func objectForm(b []byte) form {
	keys := json.NewDecoder(bytes.NewReader(b))
	if _, err := keys.Token(); err != nil {
		return formNothing
	}
	for keys.More() {
		key, err := keys.Token()
		if err != nil {
			return formNothing
		}
		name := fmt.Sprint(key)
		for _, of := range []string{"RetCode", "ImageSet", "Action", "TotalCount"} {
			if strings.EqualFold(name, of) {
				return formAnswer
			}
		}
		if new(texts).field(name) != nil {
			return formNDJSON
		}
		var value json.RawMessage
		if err := keys.Decode(&value); err != nil {
			return formNothing
		}
	}
	return formNothing
}
