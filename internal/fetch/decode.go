package fetch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"syncer/internal/registry"
)

// Everything this client puts up with in an answer stands here: lists and rows in this file, single values in the one beside
// it. The declared types of the registry's fields have changed over the years and differ between its pages, its examples and
// its SDKs, so no field's type is taken for granted.

const (
	rowBytes = 160     // of a typical row, to have room for all of an answer's rows at once
	maxName  = 1024    // bytes of a name; a longer one does not fit into a database index
	maxText  = 1024    // bytes of a tag or of a time's raw text
	maxCount = 1 << 60 // about 10^18 pulls: what is above is not a count, and sums of what is below do not overflow soon
)

// page is one answer of a paged list.
type page struct {
	rows     []row
	total    int64 // what the registry says the whole list holds; -1: nothing usable
	rejected []registry.Rejection
	silent   bool   // the answer held neither a list nor a total: it says nothing of what there is
	foreign  string // another repo's name that a row carried, if any did
}

// row is one row of a list as far as it could be used.
type row struct {
	image registry.Image // Name is empty when the row cannot be used
	key   string         // what tells the row from others: its name, or a stand-in; empty when there is nothing to tell it by
}

// answer is the envelope every action shares, and the page in it.
type answer struct {
	retCode   int
	message   string
	requestID string
	page      page
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

// tolerable tells whether the library decoded on in spite of err: a value of another type than expected is left out.
func tolerable(err error) bool {
	var mismatch *json.UnmarshalTypeError
	return err == nil || errors.As(err, &mismatch)
}

// decoder turns answers into pages.
type decoder struct {
	zone *time.Location // of times that name none
}

var bom = []byte("\ufeff")

// decode reads an answer to action for repo. An error means that the body is broken or not an answer to this call; a RetCode is none.
func (d decoder) decode(body []byte, action, repo string) (answer, error) {
	body = bytes.TrimPrefix(body, bom)
	w := wireAnswer{ImageSet: make([]wireImage, 0, len(body)/rowBytes)}
	err := json.Unmarshal(body, &w)
	if !tolerable(err) {
		return answer{}, fmt.Errorf("body is not JSON: %w", err)
	}
	code, ok := w.RetCode.integer()
	if !ok || code != int64(int32(code)) {
		return answer{}, errors.New("body has no usable RetCode")
	}
	if w.Action.kind == text && !strings.EqualFold(w.Action.text, action+"Response") && code == 0 {
		return answer{}, fmt.Errorf("body answers another call: %q", shorten(w.Action.text, maxDetail))
	}
	a := answer{retCode: int(code), message: w.Message.text, requestID: w.RequestID.text}
	if code != 0 {
		return a, nil
	}
	if a.page.total, ok = w.TotalCount.integer(); !ok || a.page.total < 0 {
		a.page.total = -1
	}
	noRows := len(w.ImageSet)+len(w.RepoSet) == 0
	if err != nil || noRows && a.page.total < 0 { // something was left out: it must not have been the list
		listed, err := hasList(body)
		if err != nil {
			return answer{}, err
		}
		a.page.silent = !listed && a.page.total < 0
	}
	d.images(&a.page, w.ImageSet, repo)
	d.repos(&a.page, w.RepoSet)
	return a, nil
}

// hasList tells whether there is a list: an array, null, or the empty object that some encoders make of an empty table.
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

func (d decoder) images(p *page, wire []wireImage, repo string) {
	if len(wire) == 0 {
		return
	}
	p.rows = make([]row, len(wire))
	for i := range wire {
		w, r := &wire[i], &p.rows[i]
		reject := func(reason string) {
			p.rejected = append(p.rejected, registry.Rejection{
				Image: shorten(strings.ToValidUTF8(strings.ReplaceAll(w.ImageName.text, "\x00", "?"), "?"), 80), Reason: reason,
			})
		}
		var fault string
		if r.key, fault = name(w.ImageName); fault != "" {
			reject(fault)
			continue
		}
		r.image.Name = r.key
		if r.image.PullCount, fault = count(w.PullCount); fault == "" {
			r.image.Counted = true
		} else {
			reject(fault)
		}
		if r.image.LatestTag, fault = w.LatestTag.label("LatestTag"); fault != "" {
			reject(fault)
		}
		if r.image.Created, fault = d.timestamp(w.CreateTime, "CreateTime"); fault != "" {
			reject(fault)
		}
		if r.image.Updated, fault = d.timestamp(w.UpdateTime, "UpdateTime"); fault != "" {
			reject(fault)
		}
		if w.RepoName.text != "" && w.RepoName.text != repo {
			p.foreign = w.RepoName.text // the request is trusted, not the row
		}
	}
}

func (d decoder) repos(p *page, wire []wireRepo) {
	for _, w := range wire {
		key, fault := name(w.RepoName)
		if fault != "" {
			p.rejected = append(p.rejected, registry.Rejection{Image: shorten(w.RepoName.text, 80), Reason: fault})
			p.rows = append(p.rows, row{key: key})
			continue
		}
		p.rows = append(p.rows, row{image: registry.Image{Name: key}, key: key})
	}
}
