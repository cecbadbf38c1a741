// Package metrics is what syncer tells Prometheus about itself: counters of what this process did, and gauges of what the
// database holds. docs/operations.md explains every name.
//
// Label values come from the configuration (sources) or from small fixed sets. Repos and images are no labels: there may be a
// million of them, and SQL answers questions about them better.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"syncer/internal/registry"
)

// Metrics are the metrics of one process. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	outcomes []string // the ways a run can end
	database database

	requests  *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	walks     *prometheus.CounterVec
	repoReads *prometheus.CounterVec
	rejected  *prometheus.CounterVec
	changes   *prometheus.CounterVec
	history   *prometheus.CounterVec
	apply     prometheus.Histogram
	runs      *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	lastRun   *prometheus.GaugeVec
	lastEnd   prometheus.Gauge
	running   prometheus.Gauge
	skipped   prometheus.Counter
}

// Buckets, in seconds. The API's gateway gives up after 60 s and a request after 70; a run may take hours.
var (
	requestBuckets = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 70}
	applyBuckets   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	runBuckets     = []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 21600}
)

// New makes the metrics of a process of the given version, whose runs can end in the given ways.
func New(version string, outcomes []string) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		outcomes:  outcomes,
		requests:  counter("syncer_requests_total", "HTTP requests to the registry API, by how they ended: ok, retry, throttle, refused or failed.", "source", "action", "outcome"),
		walks:     counter("syncer_walks_total", "Walks over repos' lists; more than one a repo read means that lists move.", "source"),
		repoReads: counter("syncer_repo_reads_total", "Reads of repos, by how they ended: ok, drifting, held, failed or locked.", "source", "status"),
		rejected:  counter("syncer_rows_rejected_total", "Rows of the API that could not be used, or only in part.", "source"),
		changes:   counter("syncer_image_changes_total", "Images found new, changed or newly missing.", "source", "change"),
		history:   counter("syncer_history_rows_total", "Rows added to the history of pull counts.", "source"),
		runs:      counter("syncer_runs_total", "Runs of this process that are over, by how they ended.", "kind", "outcome"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "syncer_request_duration_seconds",
			Help: "Time of one HTTP request to the registry API.", Buckets: requestBuckets}, []string{"source", "action"}),
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "syncer_apply_duration_seconds",
			Help: "Time to write a group of repos to the database.", Buckets: applyBuckets}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "syncer_run_duration_seconds",
			Help: "Time of a run.", Buckets: runBuckets}, []string{"kind"}),
		lastRun: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "syncer_last_run_outcome",
			Help: "1 for how the last run of this process ended, 0 for the other ways."}, []string{"outcome"}),
		lastEnd: prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncer_last_run_timestamp_seconds",
			Help: "When the last run of this process ended, however it did."}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncer_run_in_progress",
			Help: "1 while this process reads and writes."}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{Name: "syncer_runs_skipped_total",
			Help: "Moments of the schedule that were left out because a run was still going."}),
	}
	m.registry.MustRegister(m.requests, m.latency, m.walks, m.repoReads, m.rejected, m.changes, m.history, m.apply, m.runs,
		m.duration, m.lastRun, m.lastEnd, m.running, m.skipped, &m.database)
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncer_build_info", Help: "Always 1, with the version of the program.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(build)
	return m
}

// WatchProcess adds memory, goroutines, files and CPU time of the process, which say nothing about one that is over.
func (m *Metrics) WatchProcess() {
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// WatchSchedule adds when the next run begins and how far runs lie apart at most, and makes the counters of its runs appear
// with 0.
func (m *Metrics) WatchSchedule(next func() time.Time, period time.Duration) {
	for _, outcome := range m.outcomes {
		m.runs.WithLabelValues(string(registry.RunSync), outcome)
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "syncer_next_run_timestamp_seconds",
		Help: "When the schedule begins the next run."}, func() float64 { return seconds(next()) }))
	m.SetPeriod(period)
}

// SetPeriod adds how far runs lie apart at most, of which alerts make their limits.
func (m *Metrics) SetPeriod(period time.Duration) {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "syncer_schedule_period_seconds",
		Help: "Longest time between two runs of the schedule."})
	gauge.Set(period.Seconds())
	m.registry.MustRegister(gauge)
}

// Skipped counts a moment of the schedule that was left out.
func (m *Metrics) Skipped() { m.skipped.Inc() }

// Applied counts a group of repos that was written.
func (m *Metrics) Applied(took time.Duration) { m.apply.Observe(took.Seconds()) }

// RunBegins says that a run is going until RunEnds.
func (m *Metrics) RunBegins() { m.running.Set(1) }

// RunEnds counts a run that ended now, in one of the outcomes given to New.
func (m *Metrics) RunEnds(kind registry.RunKind, outcome string, took time.Duration, now time.Time) {
	m.running.Set(0)
	m.runs.WithLabelValues(string(kind), outcome).Inc()
	m.duration.WithLabelValues(string(kind)).Observe(took.Seconds())
	m.lastEnd.Set(seconds(now))
	for _, o := range m.outcomes {
		m.lastRun.WithLabelValues(o).Set(0)
	}
	m.lastRun.WithLabelValues(outcome).Set(1)
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
