// Package web is what the daemon answers over HTTP: whether it lives, whether it can work, its metrics, and the report page.
// Everything is read-only.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Site is what is shown.
type Site struct {
	Ready   func(context.Context) error // nil when the database can be used; else why not
	Metrics http.Handler
	Page    *Page
	Logger  *slog.Logger
}

// Handler serves the site.
func (s Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.Metrics)
	mux.Handle("GET /{$}", s.Page)
	return mux
}

// readyTimeout is shorter than any probe's usual patience, so that the answer is ours.
const readyTimeout = 800 * time.Millisecond

// ready tells a load balancer or operator whether the database can be used. The reason is for the log: who may ask is not known.
func (s Site) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		s.Logger.WarnContext(ctx, "not ready", "error", err)
		say(w, http.StatusServiceUnavailable, "the database cannot be used; the log says why")
		return
	}
	say(w, http.StatusOK, "ok")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// Limits of a connection. An answer may wait for a page to be made; a question is a few lines.
const (
	readTimeout   = 10 * time.Second
	writeTimeout  = pageTimeout + 30*time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10 // bytes
	finishTimeout = 2 * time.Second
)

// Serve answers on the listener until the context ends, and then lets answers under way finish for a moment.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	finishing, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := server.Shutdown(finishing); err != nil {
		server.Close() // what is still open is cut off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
	}
	return nil
}
