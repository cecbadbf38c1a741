package archive

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"time"

	"syncer/internal/registry"
	"syncer/internal/wire"
)

// timeInName finds the moment that a saved answer is named by. What stands before and after it is free, e.g. the page.
var timeInName = regexp.MustCompile(`(\d{4})-?(\d{2})-?(\d{2})[T_ -](\d{2})[:h_.-]?(\d{2})(?:[:m_.-]?(\d{2}))?|(?:^|\D)(\d{10}|\d{13})(?:\D|$)`)

// body reads a saved answer of GetRepoImage by the rules for live ones. Its repo is the rows' RepoName, else the given one, else the
// folder's name.
func (r *reader) body(in *input) error {
	raw, err := io.ReadAll(io.LimitReader(in, wire.MaxBody+1))
	if err != nil {
		return err
	}
	page, at, reason := r.openBody(raw)
	if reason != "" {
		r.bad(0, reason)
		return nil
	}
	rejected := page.Rejected
	for i := range page.Rows {
		row := &page.Rows[i]
		reason := "of no use, like many before it"
		if n := min(int(row.Rejections), len(rejected)); n > 0 {
			reason, rejected = rejected[0].Reason, rejected[n:]
		}
		var o registry.Observation
		if row.Image.Counted {
			o, reason = r.bodyRow(row, at)
		}
		if reason == "" {
			r.give(o)
		} else {
			r.bad(0, fmt.Sprintf("row %d: %s", i+1, reason))
		}
		if r.stopped {
			return nil
		}
	}
	return nil
}

func (r *reader) openBody(raw []byte) (page registry.Page, at, reason string) {
	if len(raw) > wire.MaxBody {
		return page, "", fmt.Sprintf("the answer is larger than %d bytes", wire.MaxBody)
	}
	a, err := wire.Decoder{Zone: r.opt.Zone}.Decode(raw, "GetRepoImage")
	if err != nil {
		return page, "", "not an answer of GetRepoImage: " + err.Error()
	}
	if a.RetCode != 0 {
		return page, "", fmt.Sprintf("RetCode is %d, so the answer holds no images", a.RetCode)
	}
	at, ok := nameTime(path.Base(r.name))
	if !ok {
		return page, "", "the file's name does not say when it was saved, as in 2026-03-30T10:00:00Z.json"
	}
	return a.Page, at, ""
}

// bodyRow makes an observation of a row whose count could be read.
func (r *reader) bodyRow(row *registry.Row, at string) (registry.Observation, string) {
	var f [fields][]byte
	f[fieldObserved], f[fieldRepo] = []byte(at), []byte(either(row.Repo, either(r.opt.Repo, r.repo)))
	f[fieldImage], f[fieldCount] = []byte(row.Image.Name), strconv.AppendInt(nil, row.Image.PullCount, 10)
	f[fieldTag], f[fieldCreated], f[fieldUpdated] = []byte(row.Image.LatestTag), []byte(row.Image.Created.Raw), []byte(row.Image.Updated.Raw)
	return r.record(&f)
}

// nameTime is the moment in a file's name, in a form that moment reads. Times in names are UTC.
func nameTime(name string) (string, bool) {
	m := timeInName.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	if m[7] != "" {
		return m[7], true
	}
	seconds := either(m[6], "00")
	text := fmt.Sprintf("%s-%s-%sT%s:%s:%sZ", m[1], m[2], m[3], m[4], m[5], seconds)
	_, err := time.Parse(time.RFC3339, text)
	return text, err == nil
}
