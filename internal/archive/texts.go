package archive

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// texts are the fields of an observation as a file writes them. One that the file does not have is nil.
type texts struct {
	observed, source, project, repo, image, count, tag, created, updated, absent, look []byte

	repository []byte // REPO/IMAGE in one
}

// field is where the text of a field goes, by the name that exports give it; nil when there is none of that name.
func (t *texts) field(name string) *[]byte {
	switch name {
	case "observed_at":
		return &t.observed
	case "source":
		return &t.source
	case "project_id":
		return &t.project
	case "repo":
		return &t.repo
	case "image":
		return &t.image
	case "pull_count":
		return &t.count
	case "latest_tag":
		return &t.tag
	case "create_time":
		return &t.created
	case "update_time":
		return &t.updated
	case "absent":
		return &t.absent
	case "look":
		return &t.look
	case "repository":
		return &t.repository
	}
	return nil
}

// maxTexts bounds the texts that are remembered.
const maxTexts = 100_000

// text is a string of a field. Most come again and again. A text that cannot be stored is a fault of its line.
func (r *reader) text(field string, b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := r.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	switch {
	case r.fault != "":
		return ""
	case len(s) > maxName:
		r.fault = fmt.Sprintf("%s is %d bytes long, more than %d", field, len(s), maxName)
		return ""
	case !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0:
		r.fault = field + " is not Unicode text: save the file as UTF-8"
		return ""
	}
	if len(r.texts) >= maxTexts {
		clear(r.texts)
	}
	r.texts[s] = s
	return s
}

// maxQuoted bounds what a message quotes, in bytes.
const maxQuoted = 60

func shorten(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
