package archive

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"strconv"

	"syncer/internal/registry"
	"syncer/internal/wire"
)

// body reads a saved answer of GetRepoImage by the rules for live ones. Its repo is the rows' RepoName, else the given one, else the
// folder's name.
func (r *reader) body(in *input) error {
	raw, err := io.ReadAll(io.LimitReader(in, wire.MaxBody+1))
	if err != nil {
		return err
	}
	page, at, reason := r.openBody(raw)
	if reason != "" {
		r.bad(LineError{Reason: reason})
		return nil
	}
	rejected := page.Rejected
	for i := range page.Rows {
		row := &page.Rows[i]
		reason := "of no use, like many before it"
		if n := min(int(row.Rejections), len(rejected)); n > 0 {
			reason, rejected = rejected[0].Reason, rejected[n:]
		}
		var t texts
		if row.Image.Counted {
			t, reason = r.bodyRow(row, at), ""
		}
		if !r.take(LineError{Row: i + 1, Reason: reason}, &t) {
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
	at, reason = nameTime(path.Base(r.name))
	return a.Page, at, reason
}

// bodyRow has the texts of a row whose count could be read.
func (r *reader) bodyRow(row *registry.Row, at string) texts {
	return texts{
		observed: []byte(at), repo: []byte(cmp.Or(row.Repo, r.opt.Repo, r.repo)), image: []byte(row.Image.Name),
		count: strconv.AppendInt(nil, row.Image.PullCount, 10), tag: []byte(row.Image.LatestTag),
		created: []byte(row.Image.Created.Raw), updated: []byte(row.Image.Updated.Raw),
	}
}
