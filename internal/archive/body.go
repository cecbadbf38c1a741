package archive

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"
)

// maxBody bounds a saved answer, as fetch bounds a live one.
const maxBody = 64 << 20

// timeInName finds the moment that a saved answer is named by. What stands before and after it is free, e.g. the page.
var timeInName = regexp.MustCompile(`(\d{4})-?(\d{2})-?(\d{2})[T_ -](\d{2})[:h_.-]?(\d{2})(?:[:m_.-]?(\d{2}))?|(?:^|\D)(\d{10}|\d{13})(?:\D|$)`)

// answer is what is read of a saved GetRepoImage answer. Names of keys are matched without regard to case.
type answer struct {
	RetCode  json.RawMessage
	ImageSet json.RawMessage
}

type answerRow struct {
	ImageName, RepoName, PullCount, CreateTime, UpdateTime, LatestTag json.RawMessage
}

// body reads a saved answer of GetRepoImage. Its repo is the rows' RepoName, else the given one, else the folder's name.
func (r *reader) body(in *input) error {
	raw, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return err
	}
	rows, at, reason := r.openBody(raw)
	if reason != "" {
		r.bad(0, reason)
		return nil
	}
	for i, raw := range rows {
		f, reason := r.bodyRow(raw, at)
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
		if !r.bad(0, fmt.Sprintf("row %d: %s", i+1, reason)) {
			return nil
		}
	}
	return nil
}

func (r *reader) openBody(raw []byte) (rows []json.RawMessage, at, reason string) {
	if len(raw) > maxBody {
		return nil, "", fmt.Sprintf("the answer is larger than %d bytes", maxBody)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, "", "not an answer of GetRepoImage: " + err.Error()
	}
	code, ok := scalar(a.RetCode)
	if !ok || string(code) != "0" {
		return nil, "", fmt.Sprintf("RetCode is %q, so the answer holds no images", shorten(string(code)))
	}
	if at, ok = nameTime(path.Base(r.name)); !ok {
		return nil, "", "the file's name does not say when it was saved, as in 2026-03-30T10:00:00Z.json"
	}
	switch strings.TrimSpace(string(a.ImageSet)) {
	case "", "null", "{}":
		return nil, at, ""
	}
	if err := json.Unmarshal(a.ImageSet, &rows); err != nil {
		return nil, "", "ImageSet is not a list"
	}
	return rows, at, ""
}

func (r *reader) bodyRow(raw json.RawMessage, at string) (f [fields][]byte, reason string) {
	var row answerRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return f, "not an object"
	}
	f[fieldObserved] = []byte(at)
	for field, value := range map[int]json.RawMessage{
		fieldImage: row.ImageName, fieldRepo: row.RepoName, fieldCount: row.PullCount,
		fieldCreated: row.CreateTime, fieldUpdated: row.UpdateTime, fieldTag: row.LatestTag,
	} {
		text, ok := scalar(value)
		if !ok {
			return f, "a field is neither text nor number"
		}
		f[field] = text
	}
	if len(f[fieldRepo]) == 0 {
		f[fieldRepo] = []byte(either(r.opt.Repo, r.repo))
	}
	return f, ""
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
