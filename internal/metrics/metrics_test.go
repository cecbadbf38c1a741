package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/metrics"
	"syncer/internal/registry"
	"syncer/internal/store"
)

// fakeDatabase is a database that says what it is told to.
type fakeDatabase struct {
	rows []store.SourceRow
	err  error
}

func (d fakeDatabase) Sources(context.Context, time.Time) ([]store.SourceRow, error) {
	return d.rows, d.err
}
func (d fakeDatabase) Size(context.Context) (int64, error) { return 1 << 30, nil }

var at = time.Date(2026, time.November, 21, 12, 7, 0, 0, time.UTC)

func wellDatabase() fakeDatabase {
	return fakeDatabase{rows: []store.SourceRow{{Source: "default", OK: 3, Drifting: 1, Held: 2, Behind: 2, Images: 500, PullCount: 12345, LastCompleteAt: &at}}}
}

// busy are the metrics of a process that did a bit of everything.
func busy(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New("v1", []string{"complete", "partial", "failed"})
	m.AddSource("default", func() int64 { return 2 })
	m.WatchSchedule(func() time.Time { return at.Add(time.Hour) }, time.Hour)
	m.Request("default", "GetRepoImage", "ok", 40*time.Millisecond)
	m.Request("default", "GetRepoImage", "throttle", time.Second)
	m.Repo(registry.RepoSync{Repo: registry.Repo{Key: registry.RepoKey{Source: "default", Name: "web"}}, Status: registry.RepoDrifting,
		Walks: 3, Rejected: 4, New: 5, Changed: 6, Missing: 7, HistoryRows: 8})
	m.Applied(20 * time.Millisecond)
	m.RunBegins()
	m.RunEnds(registry.RunSync, "partial", 90*time.Second, at)
	m.Skipped()
	if err := m.ReadDatabase(t.Context(), wellDatabase(), at); err != nil {
		t.Fatal(err)
	}
	return m
}

func scrape(t *testing.T, m *metrics.Metrics, fresh func(context.Context)) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(fresh).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// values are the samples that a text holds, without buckets and without zeros.
func values(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") && !strings.HasSuffix(line, " 0") && !strings.HasPrefix(line, "syncer_build_info") {
			list = append(list, line)
		}
	}
	return list
}

func TestValues(t *testing.T) {
	t.Parallel()
	want := []string{
		`syncer_apply_duration_seconds_sum 0.02`,
		`syncer_apply_duration_seconds_count 1`,
		`syncer_database_size_bytes 1.073741824e+09`,
		`syncer_database_up 1`,
		`syncer_history_rows_total{source="default"} 8`,
		`syncer_image_changes_total{change="changed",source="default"} 6`,
		`syncer_image_changes_total{change="missing",source="default"} 7`,
		`syncer_image_changes_total{change="new",source="default"} 5`,
		`syncer_images{source="default"} 500`,
		`syncer_last_run_outcome{outcome="partial"} 1`,
		`syncer_last_run_timestamp_seconds 1.79526282e+09`,
		`syncer_last_success_timestamp_seconds{source="default"} 1.79526282e+09`,
		`syncer_next_run_timestamp_seconds 1.79526642e+09`,
		`syncer_pulls{source="default"} 12345`,
		`syncer_repo_reads_total{source="default",status="drifting"} 1`,
		`syncer_repos{source="default",status="drifting"} 1`,
		`syncer_repos{source="default",status="held"} 2`,
		`syncer_repos{source="default",status="ok"} 3`,
		`syncer_repos_behind_schedule{source="default"} 2`,
		`syncer_request_duration_seconds_sum{action="GetRepoImage",source="default"} 1.04`,
		`syncer_request_duration_seconds_count{action="GetRepoImage",source="default"} 2`,
		`syncer_request_retries_total{source="default"} 2`,
		`syncer_requests_total{action="GetRepoImage",outcome="ok",source="default"} 1`,
		`syncer_requests_total{action="GetRepoImage",outcome="throttle",source="default"} 1`,
		`syncer_rows_rejected_total{source="default"} 4`,
		`syncer_run_duration_seconds_sum{kind="sync"} 90`,
		`syncer_run_duration_seconds_count{kind="sync"} 1`,
		`syncer_runs_skipped_total 1`,
		`syncer_runs_total{kind="sync",outcome="partial"} 1`,
		`syncer_schedule_period_seconds 3600`,
		`syncer_walks_total{source="default"} 3`,
	}
	if diff := cmp.Diff(want, values(scrape(t, busy(t), func(context.Context) {}))); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// A source's counters are there with 0 before anything happens, or its first failure would not be seen to rise.
func TestCountersBeginAtZero(t *testing.T) {
	t.Parallel()
	m := metrics.New("v1", []string{"complete", "partial", "failed"})
	m.AddSource("default", func() int64 { return 0 })
	got := scrape(t, m, func(context.Context) {})
	for _, want := range []string{
		`syncer_requests_total{action="GetRepo",outcome="refused",source="default"} 0`,
		`syncer_repo_reads_total{source="default",status="held"} 0`,
		`syncer_history_rows_total{source="default"} 0`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
}

// Values of a database that does not answer any more are not shown: old ones would look like good ones.
func TestDatabaseLost(t *testing.T) {
	t.Parallel()
	m := busy(t)
	got := scrape(t, m, func(ctx context.Context) {
		if err := m.ReadDatabase(ctx, fakeDatabase{err: errors.New("gone")}, at); err == nil {
			t.Error("the error is lost")
		}
	})
	if !strings.Contains(got, "syncer_database_up 0\n") || strings.Contains(got, "syncer_images") {
		t.Errorf("metrics of a lost database:\n%s", got)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "syncer.prom")
	m := busy(t)
	for range 2 { // the second replaces the first
		if err := m.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(content); !strings.Contains(got, "syncer_images{source=\"default\"} 500\n") || strings.Contains(got, "go_goroutines") {
		t.Errorf("the file holds\n%s", got)
	}
	if files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(files) != 1 {
		t.Errorf("files left: %v, %v", files, err)
	}
	if err := m.WriteFile(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("a file that cannot be written is no error")
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	var got struct{ method, path, user, password, body string }
	status := http.StatusOK
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got.method, got.path, got.body = r.Method, r.URL.Path, string(body)
		got.user, got.password, _ = r.BasicAuth()
		w.WriteHeader(status)
	}))
	defer gateway.Close()
	address := strings.Replace(gateway.URL, "http://", "http://ops:hunter2@", 1)
	m := busy(t)
	if err := m.Push(t.Context(), address, "0/4"); err != nil {
		t.Fatal(err)
	}
	if got.method != http.MethodPut || got.path != "/metrics/job/syncer/shard@base64/MC80" || got.user != "ops" || got.password != "hunter2" {
		t.Errorf("request %s %s by %s", got.method, got.path, got.user)
	}
	if !strings.Contains(got.body, "syncer_runs_total") {
		t.Error("the metrics are not in the body")
	}
	status = http.StatusForbidden
	address += "/hunter2"
	refused := m.Push(t.Context(), address, "0/4")
	gateway.Close()
	for _, err := range []error{refused, m.Push(t.Context(), address, "0/4"), m.Push(t.Context(), "http://ops:hunter2@[", "0/4")} {
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want an error without the password and what the path holds, got %v", err)
		}
	}
}

// metricName is how a metric of ours is written.
var metricName = regexp.MustCompile(`\bsyncer_[a-z_]+\b`)

func TestOperationsExplainsEveryName(t *testing.T) {
	t.Parallel()
	var ours []string
	for line := range strings.SplitSeq(scrape(t, busy(t), func(context.Context) {}), "\n") {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			ours = append(ours, strings.Fields(name)[0])
		}
	}
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for line := range strings.Lines(string(doc)) {
		if strings.HasPrefix(line, "| `syncer_") { // a row of the table
			told = append(told, metricName.FindString(line))
		}
	}
	slices.Sort(told)
	if diff := cmp.Diff(ours, told); diff != "" {
		t.Errorf("metrics and their table in docs/operations.md (-metrics +table):\n%s", diff)
	}
	rules, err := filepath.Glob("../../deploy/prometheus/*.yaml")
	if err != nil || len(rules) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	for _, file := range rules {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metricName.FindAllString(string(content), -1) {
			if !slices.Contains(ours, name) {
				t.Errorf("%s uses %s, which is none of ours", filepath.Base(file), name)
			}
		}
	}
}
