package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"syncer/internal/store"
)

// Database is what the gauges are read from.
type Database interface {
	// Sources adds up the repos of every source; those without a complete look since the moment are behind.
	Sources(ctx context.Context, since time.Time) ([]store.SourceRow, error)
	// Size is the database's size in bytes.
	Size(ctx context.Context) (int64, error)
}

// database is the collector of what was last read from the database. When that failed there are no values: old ones would look
// like good ones.
type database struct {
	mu    sync.Mutex
	known bool // something was tried
	up    bool
	rows  []store.SourceRow
	size  int64
}

// ReadDatabase reads the gauges anew. since is the moment after which a repo must have been read completely not to be behind.
// Its error is also in the metrics.
func (m *Metrics) ReadDatabase(ctx context.Context, db Database, since time.Time) error {
	rows, err := db.Sources(ctx, since)
	var size int64
	if err == nil {
		size, err = db.Size(ctx)
	}
	m.database.mu.Lock()
	defer m.database.mu.Unlock()
	m.database.known, m.database.up, m.database.rows, m.database.size = true, err == nil, rows, size
	return err
}

// NoDatabase says that the database cannot even be asked.
func (m *Metrics) NoDatabase() {
	m.database.mu.Lock()
	defer m.database.mu.Unlock()
	m.database.known, m.database.up = true, false
}

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	databaseUp  = gauge("syncer_database_up", "1 when the database answered at the last look.")
	sizeBytes   = gauge("syncer_database_size_bytes", "Size of the whole database on disk.")
	repos       = gauge("syncer_repos", "Repos that are read, by the outcome of their last try.", "source", "status")
	behind      = gauge("syncer_repos_behind_schedule", "Repos not read completely for two periods of the schedule.", "source")
	images      = gauge("syncer_images", "Images that are not deleted.", "source")
	pulls       = gauge("syncer_pulls", "Sum of the images' last pull counts; it stands still when a source is frozen.", "source")
	lastSuccess = gauge("syncer_last_success_timestamp_seconds", "Newest complete look at any repo.", "source")
)

// Describe is for the registry.
func (d *database) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{databaseUp, sizeBytes, repos, behind, images, pulls, lastSuccess} {
		ch <- desc
	}
}

// Collect is for the registry.
func (d *database) Collect(ch chan<- prometheus.Metric) {
	d.mu.Lock()
	defer d.mu.Unlock()
	send := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	switch {
	case !d.known:
		return
	case !d.up:
		send(databaseUp, 0)
		return
	}
	send(databaseUp, 1)
	send(sizeBytes, float64(d.size))
	for _, r := range d.rows {
		for i, n := range []int64{r.OK, r.Drifting, r.Held, r.Failed, r.Locked} {
			send(repos, float64(n), r.Source, string(statuses[i]))
		}
		send(behind, float64(r.Behind), r.Source)
		send(images, float64(r.Images), r.Source)
		send(pulls, float64(r.PullCount), r.Source)
		if r.LastCompleteAt != nil {
			send(lastSuccess, seconds(*r.LastCompleteAt), r.Source)
		}
	}
}
