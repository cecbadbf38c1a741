package store

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// exportLine is a line of an export: a count of an image, that it was absent, or only that somebody looked at the repo.
type exportLine struct {
	at                    time.Time
	repo                  exportRepo
	image                 string
	count                 *int64
	tag, created, updated string
	absent                int16
	look                  string
}

// exportWriter writes lines as CSV or NDJSON.
type exportWriter struct {
	csv   *csv.Writer
	json  *json.Encoder
	lines int64
}

func newExportWriter(w io.Writer, asCSV bool) *exportWriter {
	if asCSV {
		return &exportWriter{csv: csv.NewWriter(w)}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &exportWriter{json: e}
}

func (w *exportWriter) write(o *exportLine) error {
	w.lines++
	if w.csv != nil {
		return w.writeCSV(o)
	}
	return w.json.Encode(struct {
		At        string `json:"observed_at"`
		Source    string `json:"source"`
		Project   string `json:"project_id,omitempty"`
		Repo      string `json:"repo"`
		Image     string `json:"image,omitempty"`
		PullCount *int64 `json:"pull_count,omitempty"`
		Tag       string `json:"latest_tag,omitempty"`
		Created   string `json:"create_time,omitempty"`
		Updated   string `json:"update_time,omitempty"`
		Absent    int16  `json:"absent,omitempty"`
		Look      string `json:"look,omitempty"`
	}{
		exportMoment(o.at), o.repo.source, o.repo.project, o.repo.name, o.image, o.count, o.tag, o.created, o.updated, o.absent, o.look,
	})
}

var exportColumns = []string{
	"observed_at", "source", "project_id", "repo", "image", "pull_count", "latest_tag", "create_time", "update_time", "absent", "look",
}

func (w *exportWriter) writeCSV(o *exportLine) error {
	if w.lines == 1 {
		if err := w.csv.Write(exportColumns); err != nil {
			return err
		}
	}
	record := []string{exportMoment(o.at), o.repo.source, o.repo.project, o.repo.name, o.image, "", o.tag, o.created, o.updated, "", o.look}
	if o.count != nil {
		record[5] = strconv.FormatInt(*o.count, 10)
	}
	if o.absent > 0 {
		record[9] = strconv.Itoa(int(o.absent))
	}
	if err := w.csv.Write(record); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

// exportMoment is a moment the way archives have it.
func exportMoment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
