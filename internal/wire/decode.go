// Package wire reads the JSON of the registry's API: everything that a client has to put up with in an answer, once, for live
// answers and for saved ones.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"syncer/internal/registry"
)

// All tolerance for an answer's form lives in this package: for lists and rows in this file, for single values in value.go. The
// declared types of the registry's fields have changed over the years and differ between its pages, its examples and
// its SDKs, so no field's type is taken for granted.

const (
	// MaxBody bounds an answer after decompression, in bytes. A page of 100 rows has about 30 kB.
	MaxBody = 16 << 20
	// MaxRows bounds the rows of an answer: as many as MaxBody holds of the registry's own. It is ten times the largest page that can
	// be asked for, so a server that ignores Limit may still give a repo of any size that fits. Without it a body of three bytes a
	// row, which compresses to nothing, would become a gigabyte of rows.
	MaxRows = MaxBody / rowBytes

	rowBytes = 160  // of a typical row, to have room for all of an answer's rows at once
	maxName  = 1024 // bytes of a name; a longer one does not fit into a database index
	maxText  = 1024 // bytes of a tag or of a time's raw text
	maxShown = 80   // bytes of a name in a complaint
)

// Answer is the envelope every action shares, and the page in it.
type Answer struct {
	RetCode   int
	Message   string
	RequestID string
	Page      registry.Page
}

type wireAnswer struct {
	RetCode    scalar
	Action     scalar
	Message    scalar
	RequestID  scalar `json:"Request_uuid"`
	TotalCount scalar
	ImageSet   []wireImage
	RepoSet    []wireRepo
}

type wireImage struct {
	ImageName  scalar
	RepoName   scalar
	PullCount  scalar
	CreateTime scalar
	UpdateTime scalar
	LatestTag  scalar
}

// wireRepo is a row of GetRepo: an object by the vendor's schema, a plain string by the vendor's example.
type wireRepo struct{ RepoName scalar }

func (r *wireRepo) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return r.RepoName.UnmarshalJSON(b)
	}
	type plain wireRepo // without this method
	if err := json.Unmarshal(b, (*plain)(r)); !tolerable(err) {
		return err
	}
	return nil
}

// tolerable reports whether the library decoded on in spite of err: a value of another type than expected is left out.
func tolerable(err error) bool {
	var mismatch *json.UnmarshalTypeError
	return err == nil || errors.As(err, &mismatch)
}

// Decoder turns answers into pages.
type Decoder struct {
	Zone *time.Location // of times that name none
}

var bom = []byte("\ufeff")

// Decode reads an answer to action. An error means that the body is broken or not an answer to this call; a RetCode is none.
func (d Decoder) Decode(body []byte, action string) (Answer, error) {
	body = bytes.TrimPrefix(body, bom)
	rows := len(body) / rowBytes
	if bytes.Count(body, comma) >= MaxRows { // else there cannot be more of them
		if rows = elements(body); rows > MaxRows {
			return Answer{}, fmt.Errorf("%w: more than %d rows", ErrTooLarge, MaxRows)
		}
	}
	w := wireAnswer{ImageSet: make([]wireImage, 0, rows)}
	err := json.Unmarshal(body, &w)
	if !tolerable(err) {
		return Answer{}, fmt.Errorf("body is not JSON: %w", err)
	}
	code, ok := w.RetCode.integer()
	if !ok || code != int64(int32(code)) {
		return Answer{}, errors.New("body has no usable RetCode")
	}
	if w.Action.kind == text && !strings.EqualFold(w.Action.text, action+"Response") && code == 0 {
		return Answer{}, fmt.Errorf("body answers another call: %q", Shorten(w.Action.text, maxQuote))
	}
	a := Answer{RetCode: int(code), Message: w.Message.text, RequestID: w.RequestID.text}
	if code != 0 {
		return a, nil
	}
	if a.Page.Total, ok = w.TotalCount.integer(); !ok || a.Page.Total < 0 {
		a.Page.Total = -1
	}
	rows = len(w.ImageSet) + len(w.RepoSet)
	if err != nil || rows == 0 && a.Page.Total < 0 { // something was left out: it must not have been the list
		listed, err := hasList(body)
		if err != nil {
			return Answer{}, err
		}
		a.Page.Silent = !listed && a.Page.Total < 0
	}
	if rows > 0 {
		a.Page.Rows = make([]registry.Row, 0, rows)
	}
	d.images(&a.Page, w.ImageSet)
	repos(&a.Page, w.RepoSet)
	return a, nil
}

// ErrTooLarge is an answer beyond MaxBody or MaxRows. Asked again, the registry would give it again.
var ErrTooLarge = errors.New("answer is larger than it may be")

var comma = []byte{','}

// elements is no less than the number of elements in the lists of a body. It counts the commas right inside of whatever stands in the
// outermost object, without regard to what that is.
func elements(body []byte) int {
	n, depth, quoted := 1, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 2:
			n++
		}
	}
	return n
}

// hasList reports whether there is a list: an array, null, or the empty object that some encoders make of an empty table.
// Anything else in its place is an error.
func hasList(body []byte) (listed bool, err error) {
	var sets struct{ ImageSet, RepoSet json.RawMessage }
	if err := json.Unmarshal(body, &sets); !tolerable(err) {
		return false, err
	}
	for _, set := range []json.RawMessage{sets.ImageSet, sets.RepoSet} {
		switch {
		case len(set) == 0:
			continue
		case set[0] == '[', set[0] == 'n':
		case set[0] == '{' && len(bytes.TrimSpace(set[1:len(set)-1])) == 0:
		default:
			return false, errors.New("body has no usable list")
		}
		listed = true
	}
	return listed, nil
}

func (d Decoder) images(p *registry.Page, wire []wireImage) {
	for i := range wire {
		w := &wire[i]
		r := registry.Row{Repo: w.RepoName.text}
		reject := func(fault string) { reject(p, &r, w.ImageName, fault) }
		var fault string
		if r.Key, fault = name(w.ImageName); fault != "" {
			reject(fault)
			p.Rows = append(p.Rows, r)
			continue
		}
		r.Image.Name = r.Key
		if r.Image.PullCount, fault = count(w.PullCount); fault == "" {
			r.Image.Counted = true
		} else {
			reject(fault)
		}
		if r.Image.LatestTag, fault = w.LatestTag.label("LatestTag"); fault != "" {
			reject(fault)
		}
		if r.Image.Created, fault = d.timestamp(w.CreateTime, "CreateTime"); fault != "" {
			reject(fault)
		}
		if r.Image.Updated, fault = d.timestamp(w.UpdateTime, "UpdateTime"); fault != "" {
			reject(fault)
		}
		p.Rows = append(p.Rows, r)
	}
}

func repos(p *registry.Page, wire []wireRepo) {
	for i := range wire {
		var r registry.Row
		var fault string
		if r.Key, fault = name(wire[i].RepoName); fault != "" {
			reject(p, &r, wire[i].RepoName, fault)
		} else {
			r.Image.Name = r.Key
		}
		p.Rows = append(p.Rows, r)
	}
}

// reject notes what is wrong with a row, under its name as far as that can be printed.
func reject(p *registry.Page, r *registry.Row, name scalar, fault string) {
	r.Rejections++
	if len(p.Rejected) < registry.MaxRejections {
		printable := strings.ToValidUTF8(strings.ReplaceAll(name.text, "\x00", "?"), "?")
		p.Rejected = append(p.Rejected, registry.Rejection{Image: Shorten(printable, maxShown), Reason: fault})
	}
}
