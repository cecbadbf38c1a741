package archive

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"syncer/internal/registry"
)

// The fields of an observation, by the names that files give them.
const (
	fieldObserved = iota
	fieldSource
	fieldProject
	fieldRepo
	fieldImage
	fieldCount
	fieldTag
	fieldCreated
	fieldUpdated
	fieldAbsent
	fieldMissing
	fieldDeleted
	fieldRepository // REPO/IMAGE in one
	fields
)

var fieldNames = map[string]int{
	"observed_at": fieldObserved, "source": fieldSource, "project_id": fieldProject, "repo": fieldRepo, "image": fieldImage,
	"pull_count": fieldCount, "latest_tag": fieldTag, "create_time": fieldCreated, "update_time": fieldUpdated, "absent_at": fieldAbsent,
	"missing_since": fieldMissing, "deleted_at": fieldDeleted,
}

const (
	maxName = 1024             // bytes; a longer one does not fit into a database index
	grace   = 10 * time.Minute // by which the clock that wrote an archive may be ahead
)

// earliest is before any container registry. What is older is a date that was not understood.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// record makes an observation of a line's fields; reason is why it cannot.
func (r *reader) record(f *[fields][]byte) (o registry.Observation, reason string) {
	for i, b := range f {
		if len(b) > maxName {
			return o, fmt.Sprintf("a field is %d bytes long, more than %d", len(b), maxName)
		}
		if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
			return o, fmt.Sprintf("field %d is not Unicode text", i+1)
		}
	}
	if o.At, reason = r.moment("observed_at", f[fieldObserved]); reason != "" {
		return o, reason
	}
	if reason = r.where(f, &o); reason != "" {
		return o, reason
	}
	if o.Image.PullCount, reason = count(f[fieldCount]); reason != "" {
		return o, reason
	}
	o.Image.Counted = true
	o.Image.LatestTag = r.text(f[fieldTag])
	o.Image.Created.Raw, o.Image.Updated.Raw = r.text(f[fieldCreated]), r.text(f[fieldUpdated])
	return o, r.absence(f, &o)
}

// absence reads what other looks said.
func (r *reader) absence(f *[fields][]byte, o *registry.Observation) (reason string) {
	for _, m := range []struct {
		name  string
		field int
		at    *time.Time
	}{{"absent_at", fieldAbsent, &o.AbsentAt}, {"missing_since", fieldMissing, &o.MissingSince}, {"deleted_at", fieldDeleted, &o.DeletedAt}} {
		if len(f[m.field]) == 0 {
			continue
		}
		if *m.at, reason = r.moment(m.name, f[m.field]); reason != "" {
			return reason
		}
	}
	switch {
	case !o.AbsentAt.IsZero() && !o.AbsentAt.Before(o.At):
		return "absent_at is not before observed_at"
	case !o.MissingSince.IsZero() && !o.MissingSince.After(o.At):
		return "missing_since is not after observed_at"
	case !o.DeletedAt.IsZero() && (o.MissingSince.IsZero() || o.DeletedAt.Before(o.MissingSince)):
		return "deleted_at is before missing_since"
	}
	return ""
}

// where fills in the image's place.
func (r *reader) where(f *[fields][]byte, o *registry.Observation) string {
	repo, image := r.text(f[fieldRepo]), r.text(f[fieldImage])
	if whole := r.text(f[fieldRepository]); whole != "" {
		if repo, image = splitRepository(whole, r.opt.Repo); image == "" {
			return fmt.Sprintf("repository %q is not of the form REPO/IMAGE", shorten(whole))
		}
	}
	o.Repo.Key = registry.RepoKey{Source: either(r.text(f[fieldSource]), r.opt.Source), Name: either(repo, r.opt.Repo)}
	o.Repo.ProjectID, o.Image.Name = r.text(f[fieldProject]), either(image, r.opt.Image)
	switch {
	case o.Repo.Key.Source == "":
		return "source is missing"
	case o.Repo.Key.Name == "":
		return "repo is missing"
	case o.Image.Name == "":
		return "image is missing"
	}
	return ""
}

// splitRepository takes REPO/IMAGE apart, after the host of a registry where there is one. A name without a slash is an image of
// the given repo, if any.
func splitRepository(whole, given string) (repo, image string) {
	parts := strings.SplitN(whole, "/", 3)
	if len(parts) == 3 && (strings.HasPrefix(parts[0], "uhub.") || strings.Contains(parts[0], ":")) {
		return parts[1], parts[2]
	}
	repo, image, ok := strings.Cut(whole, "/")
	if !ok {
		return given, whole
	}
	return repo, image
}

func count(b []byte) (n int64, reason string) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	switch {
	case len(b) == 0:
		return 0, "pull_count is missing"
	case err != nil:
		return 0, fmt.Sprintf("pull_count %q is not a whole number", shorten(string(b)))
	case n < 0 || n > registry.MaxPullCount:
		return 0, fmt.Sprintf("pull_count %d is not from 0 to %d", n, int64(registry.MaxPullCount))
	}
	return n, ""
}

func either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// shorten bounds what a message quotes.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
