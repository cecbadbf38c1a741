package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/push"
)

// Handler serves the metrics to Prometheus. fresh is called before each answer, to read the database.
func (m *Metrics) Handler(fresh func(context.Context)) http.Handler {
	serve := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fresh(r.Context())
		serve.ServeHTTP(w, r)
	})
}

// WriteFile writes the metrics for the node exporter's textfile collector, whole or not at all.
func (m *Metrics) WriteFile(path string) error {
	if err := prometheus.WriteToTextfile(path, m.registry); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// pushTimeout bounds the push: nobody should wait for a gateway at the end of a run.
const pushTimeout = 10 * time.Second

// Push replaces what a Pushgateway holds of this shard. The address may hold user and password; no error shows them.
func (m *Metrics) Push(ctx context.Context, address, shard string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("push metrics: the address is not a URL") // the cause quotes it
	}
	user := u.User
	u.User = nil
	p := push.New(u.String(), "syncer").Gatherer(m.registry).Grouping("shard", shard).Client(&http.Client{Timeout: pushTimeout})
	if user != nil {
		password, _ := user.Password()
		p = p.BasicAuth(user.Username(), password)
	}
	if err := p.PushContext(ctx); err != nil {
		return fmt.Errorf("push metrics to %s: %w", u.Host, unquoted(err, u))
	}
	return nil
}

// unquoted is a push's error without the address, in whose path or query a gateway's token may stand.
func unquoted(err error, address *url.URL) error {
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err
	}
	return errors.New(strings.ReplaceAll(err.Error(), strings.TrimSuffix(address.String(), "/"), address.Host))
}
