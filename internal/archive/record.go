package archive

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"syncer/internal/registry"
)

const (
	maxName = 1024             // bytes; a longer one does not fit into a database index
	grace   = 10 * time.Minute // by which the clock that wrote an archive may be ahead
)

// earliest is before any container registry. What is older is a date that was not understood.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// lookKinds are what a look at a repo can have been.
var lookKinds = []string{"complete", "drifting", "held"}

// record makes an observation of a line's texts; reason is why it cannot.
func (r *reader) record(t *texts) (o registry.Observation, reason string) {
	if o.At, reason = r.moment(t.observed); reason != "" {
		return o, reason
	}
	r.fault = ""
	if reason = r.where(t, &o); reason != "" {
		return o, reason
	}
	switch {
	case o.Look != "":
		reason = checkLook(t, o.Look)
	case len(t.absent) > 0 && string(t.absent) != "0":
		o.Absent, reason = absence(t)
	default:
		o.Image.PullCount, reason = count(t.count)
		o.Image.Counted = true
		o.Image.LatestTag = r.nameOf("latest_tag", t.tag)
		o.Image.Created.Raw, o.Image.Updated.Raw = r.text("create_time", t.created), r.text("update_time", t.updated)
	}
	return o, cmp.Or(reason, r.fault)
}

// checkLook judges a line that says only that somebody looked at the repo.
func checkLook(t *texts, look string) (reason string) {
	switch {
	case len(t.image) > 0 || len(t.repository) > 0:
		return "look is of a repo, so the line names no image"
	case !slices.Contains(lookKinds, look):
		return fmt.Sprintf("look %q is not complete, drifting or held", shorten(look))
	case len(t.count) > 0 || len(t.absent) > 0:
		return "a line with look has no pull_count and no absent"
	}
	return ""
}

// absence reads how much a look proves that did not hold the image.
func absence(t *texts) (weight uint8, reason string) {
	switch string(t.absent) {
	case "1", "2", "4":
		if len(t.count) > 0 {
			return 0, "the image cannot be absent and have a pull_count"
		}
		return t.absent[0] - '0', ""
	}
	return 0, fmt.Sprintf("absent %q is not 1, 2 or 4", shorten(string(t.absent)))
}

// where fills in the image's place. What a file does not have at all is taken from the options; what it leaves empty is missing.
func (r *reader) where(t *texts, o *registry.Observation) (reason string) {
	o.Look = r.text("look", t.look)
	o.Repo.Key.Source = cmp.Or(r.nameOf("source", t.source), r.opt.Source)
	o.Repo.ProjectID = r.nameOf("project_id", t.project)
	o.Repo.Key.Name, o.Image.Name = r.nameOf("repo", t.repo), r.nameOf("image", t.image)
	if whole := r.nameOf("repository", t.repository); whole != "" {
		if o.Repo.Key.Name, o.Image.Name = splitRepository(whole, r.opt.Repo); o.Image.Name == "" {
			return fmt.Sprintf("repository %q is not of the form REPO/IMAGE", shorten(whole))
		}
	}
	if t.repo == nil {
		o.Repo.Key.Name = cmp.Or(o.Repo.Key.Name, r.opt.Repo)
	}
	if t.image == nil && o.Look == "" {
		o.Image.Name = cmp.Or(o.Image.Name, r.opt.Image)
	}
	switch {
	case r.fault != "":
		return r.fault
	case o.Repo.Key.Source == "":
		return "source is missing"
	case o.Repo.Key.Name == "":
		return "repo is missing"
	case o.Image.Name == "" && o.Look == "":
		return "image is missing"
	}
	return ""
}

// nameOf is the text of a name, without blanks around it.
func (r *reader) nameOf(field string, b []byte) string { return r.text(field, bytes.TrimSpace(b)) }

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

// grouped is a number with separators between the thousands.
var grouped = regexp.MustCompile(`^\d{1,3}(?:[,.' \x{a0}\x{202f}]\d{3})+$`)

// count reads a pull count. Spreadsheets and data frames write 120 as 120.0; but 1.000 is a thousand to half of the world.
func count(b []byte) (n int64, reason string) {
	b = bytes.TrimSpace(b)
	whole, fraction, _ := bytes.Cut(b, []byte("."))
	if len(fraction) > 0 && len(bytes.Trim(fraction, "0")) == 0 && len(fraction) != len("000") {
		b = whole
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	switch {
	case len(b) == 0:
		return 0, "pull_count is missing"
	case err != nil && grouped.Match(b):
		return 0, fmt.Sprintf("pull_count %q is not a whole number: write it without separators", shorten(string(b)))
	case err != nil:
		return 0, fmt.Sprintf("pull_count %q is not a whole number", shorten(string(b)))
	case n < 0 || n > registry.MaxPullCount:
		return 0, fmt.Sprintf("pull_count %d is not from 0 to %d", n, int64(registry.MaxPullCount))
	}
	return n, ""
}
