package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncer/internal/registry"
)

// AddSource makes a source's counters appear with 0: a counter that appears with its first event hides that event from
// Prometheus, which sees only what rises. retries is asked for the source's count of repeated requests.
func (m *Metrics) AddSource(source string, retries func() int64) {
	for _, action := range []string{"GetRepo", "GetRepoImage"} {
		for _, outcome := range []string{"ok", "retry", "throttle", "refused", "failed"} {
			m.requests.WithLabelValues(source, action, outcome)
		}
		m.latency.WithLabelValues(source, action)
	}
	for _, status := range statuses {
		m.repoReads.WithLabelValues(source, string(status))
	}
	for _, change := range []string{"new", "changed", "missing"} {
		m.changes.WithLabelValues(source, change)
	}
	for _, vec := range []*prometheus.CounterVec{m.walks, m.rejected, m.history} {
		vec.WithLabelValues(source)
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "syncer_request_retries_total",
		Help: "HTTP requests that repeated a failed one.", ConstLabels: prometheus.Labels{"source": source}},
		func() float64 { return float64(retries()) }))
}

var statuses = []registry.RepoStatus{registry.RepoOK, registry.RepoDrifting, registry.RepoHeld, registry.RepoFailed, registry.RepoLocked}

// Request counts a request to the API of a source.
func (m *Metrics) Request(source, action, outcome string, took time.Duration) {
	m.requests.WithLabelValues(source, action, outcome).Inc()
	m.latency.WithLabelValues(source, action).Observe(took.Seconds())
}

// Repo counts what a run did about a repo.
func (m *Metrics) Repo(r registry.RepoSync) {
	source := r.Repo.Key.Source
	m.repoReads.WithLabelValues(source, string(r.Status)).Inc()
	m.walks.WithLabelValues(source).Add(float64(r.Walks))
	m.rejected.WithLabelValues(source).Add(float64(r.Rejected))
	m.changes.WithLabelValues(source, "new").Add(float64(r.New))
	m.changes.WithLabelValues(source, "changed").Add(float64(r.Changed))
	m.changes.WithLabelValues(source, "missing").Add(float64(r.Missing))
	m.history.WithLabelValues(source).Add(float64(r.HistoryRows))
}
