package fakeapi

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an API that listens on loopback.
type Server struct {
	*API
	URL           string // http://127.0.0.1:port, without a slash at the end
	PublicKey     string // of the world's first account
	PrivateKey    string
	SecurityToken string

	http    *http.Server
	serving sync.WaitGroup
}

// NewServer serves a world on a free port of 127.0.0.1 until Close. (net/http/httptest would do as well, but must not
// link into a program that offers a demo.)
func NewServer(w *World, options ...Option) (*Server, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated registry: %w", err)
	}
	s := &Server{API: New(w, options...), URL: "http://" + listener.Addr().String()}
	a := w.firstAccount()
	s.PublicKey, s.PrivateKey, s.SecurityToken = a.PublicKey, a.PrivateKey, a.SecurityToken
	s.http = &http.Server{
		Handler:           s.API,
		ReadHeaderTimeout: time.Minute,
		ConnState:         s.count,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // callers that break off are what it is for
	}
	s.serving.Go(func() { _ = s.http.Serve(listener) }) // ends with ErrServerClosed
	return s, nil
}

// count lets Close wait for connections, of which each has a goroutine.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.serving.Done()
	}
}

// Close stops listening, ends every connection and waits until the last has ended.
func (s *Server) Close() {
	_ = s.http.Close() // ends the contexts of calls too; whatever it says, nothing is served any more
	s.serving.Wait()
}
