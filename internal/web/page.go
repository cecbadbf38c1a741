package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// pageTimeout bounds the making of a page. The queries of a big database may take seconds.
const pageTimeout = time.Minute

// Page is a page that is made when it is asked for, and kept for a while: however many people look, the database is asked once.
type Page struct {
	make   func(context.Context, io.Writer) error
	keep   time.Duration
	now    func() time.Time
	log    *slog.Logger
	making chan struct{} // holds a token while somebody makes it

	mu   sync.Mutex
	body []byte
	at   time.Time // when it was made; zero: never
}

// NewPage makes a page out of what the function writes, an HTML document, that is kept for the given time.
func NewPage(write func(context.Context, io.Writer) error, keep time.Duration, now func() time.Time, log *slog.Logger) *Page {
	return &Page{make: write, keep: keep, now: now, log: log, making: make(chan struct{}, 1)}
}

// ServeHTTP answers with the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, at, err := p.get(r.Context())
	if err != nil {
		p.log.WarnContext(r.Context(), "page cannot be made", "error", err)
		say(w, http.StatusServiceUnavailable, "the report cannot be made now; the log says why")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	// The page is made of names that other people chose; should one ever get through as markup, it loads and sends nothing.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", fmt.Sprintf("private, max-age=%d", int(p.keep.Seconds())))
	http.ServeContent(w, r, "", at, bytes.NewReader(body))
}

// Forget makes the next request make the page anew.
func (p *Page) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Time{}
}

func (p *Page) get(ctx context.Context) (body []byte, at time.Time, err error) {
	if body, at, ok := p.kept(); ok {
		return body, at, nil
	}
	select { // one makes it, the others wait and find it made
	case p.making <- struct{}{}:
		defer func() { <-p.making }()
	case <-ctx.Done():
		return nil, at, ctx.Err()
	}
	if body, at, ok := p.kept(); ok {
		return body, at, nil
	}
	// Who asked first may leave; the others still want the page.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageTimeout)
	defer cancel()
	var buf bytes.Buffer
	at = p.now()
	if err := p.make(ctx, &buf); err != nil {
		return nil, at, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.at = buf.Bytes(), at
	return p.body, at, nil
}

func (p *Page) kept() (body []byte, at time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.body, p.at, !p.at.IsZero() && p.now().Sub(p.at) < p.keep
}
