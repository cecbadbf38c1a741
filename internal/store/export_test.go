package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// exported reads what a store exports as observations.
func (w *world) exported(opt store.ExportOptions) []registry.Observation {
	w.t.Helper()
	var out bytes.Buffer
	n, err := w.s.Export(w.t.Context(), &out, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []registry.Observation
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var line struct {
			At      time.Time `json:"observed_at"`
			Source  string    `json:"source"`
			Project string    `json:"project_id"`
			Repo    string    `json:"repo"`
			Image   string    `json:"image"`
			Count   int64     `json:"pull_count"`
			Tag     string    `json:"latest_tag"`
			Created string    `json:"create_time"`
			Updated string    `json:"update_time"`
		}
		if err := decoder.Decode(&line); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, registry.Observation{
			At: line.At, Repo: registry.Repo{Key: registry.RepoKey{Source: line.Source, Name: line.Repo}, ProjectID: line.Project},
			Image: registry.Image{
				Name: line.Image, PullCount: line.Count, Counted: true, LatestTag: line.Tag,
				Created: registry.Timestamp{Raw: line.Created}, Updated: registry.Timestamp{Raw: line.Updated},
			},
		})
	}
	if int64(len(list)) != n {
		w.t.Fatalf("%d lines, %d were counted", len(list), n)
	}
	return list
}

// views are the reporting views that an export carries over, with the columns that observations know of.
var views = map[string]string{
	"pull_history": "SELECT * FROM reporting.pull_history",
	"pulls_daily":  "SELECT * FROM reporting.pulls_daily",
	"images":       "SELECT * FROM reporting.images",
	"repo_daily":   "SELECT day, source, project_id, repo, pulls, images, looks FROM reporting.repo_daily",
	"repos":        "SELECT source, project_id, repo, images, pull_count, first_seen_at FROM reporting.repos",
	"images_as_of": "SELECT a.* FROM generate_series('2026-03-29Z'::timestamptz, '2026-06-01Z', '7 hours') t, reporting.images_as_of(t) a",
}

// An export that is imported into an empty database gives the same reports.
func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	from, to := newBench(t), newBench(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 40 {
			return // one pair of databases takes them all, and the reports on them get long
		}
		key := registry.RepoKey{Source: "default", Name: fmt.Sprint("repo", n)}
		for _, look := range drawLooks(rt, key, false) {
			evidence := rapid.SampledFrom([]registry.Evidence{registry.Complete, registry.Drifting}).Draw(rt, "evidence")
			if rapid.IntRange(0, 3).Draw(rt, "archived") == 0 {
				from.load(look...)
				continue
			}
			for i := range look {
				look[i].Image.LatestTag = fmt.Sprint("v", i%3)
				look[i].Image.Updated = look[i].Image.Created
				look[i].Repo.ProjectID = "org-1"
			}
			from.liveAs(rt, look, evidence)
		}
	})
	to.load(from.exported(store.ExportOptions{})...)
	back := from.query("SELECT DISTINCT repo FROM reporting.image_events WHERE event = 'reappeared' AND old_value = 'deleted'")
	if len(back) > n/2 {
		t.Errorf("%d repos are left out", len(back))
	}
	for name, sql := range views {
		sql = "SELECT x::text FROM (" + sql + ") x WHERE NOT (x.repo = ANY ($1) AND $2) ORDER BY 1"
		// An absence that had ended is not carried over, so on its days the image counts as there.
		ended := name == "repo_daily" || name == "images_as_of"
		if diff := cmp.Diff(from.query(sql, back, ended), to.query(sql, back, ended)); diff != "" {
			t.Errorf("%s (-exported +imported):\n%s", name, diff)
		}
	}
	if found := to.verify(false); len(found) > 0 {
		t.Errorf("%d differences, first %q", len(found), found[0])
	}
}
