package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pageTimeout bounds the making of a page. The queries of a big database may take seconds.
const pageTimeout = time.Minute

// spans are the days that a page can be asked for, as ?days=N.
var spans = []int{7, 30, 90, 365}

// Page is a page that is made when it is asked for, and kept for a while: however many people look, the database is asked once.
type Page struct {
	make func(ctx context.Context, w io.Writer, days int) error
	keep time.Duration
	now  func() time.Time
	log  *slog.Logger
	of   map[int]*made // by days
}

// made is the page of one span.
type made struct {
	making chan struct{} // holds a token while somebody makes it

	mu   sync.Mutex
	body []byte
	at   time.Time // when it was made; zero: never
}

// NewPage makes a page out of what the function writes, an HTML document, that is kept for the given time. The function is told
// the days that were asked for, 0 for those that it chooses.
func NewPage(write func(ctx context.Context, w io.Writer, days int) error, keep time.Duration, now func() time.Time, log *slog.Logger) *Page {
	p := &Page{make: write, keep: keep, now: now, log: log, of: map[int]*made{}}
	for _, days := range append([]int{0}, spans...) {
		p.of[days] = &made{making: make(chan struct{}, 1)}
	}
	return p
}

// ServeHTTP answers with the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	days := 0
	if text := r.URL.Query().Get("days"); text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil || !slices.Contains(spans, days) {
			say(w, http.StatusBadRequest, "days must be one of "+strings.Trim(fmt.Sprint(spans), "[]")+", such as /?days=7")
			return
		}
	}
	body, at, err := p.get(r.Context(), days)
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
	for _, m := range p.of {
		m.mu.Lock()
		m.at = time.Time{}
		m.mu.Unlock()
	}
}

func (p *Page) get(ctx context.Context, days int) (body []byte, at time.Time, err error) {
	m := p.of[days]
	if body, at, ok := p.kept(m); ok {
		return body, at, nil
	}
	select { // one makes it, the others wait and find it made
	case m.making <- struct{}{}:
		defer func() { <-m.making }()
	case <-ctx.Done():
		return nil, at, ctx.Err()
	}
	if body, at, ok := p.kept(m); ok {
		return body, at, nil
	}
	// Who asked first may leave; the others still want the page.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageTimeout)
	defer cancel()
	var buf bytes.Buffer
	at = p.now()
	if err := p.make(ctx, &buf, days); err != nil {
		return nil, at, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.body, m.at = buf.Bytes(), at
	return m.body, at, nil
}

func (p *Page) kept(m *made) (body []byte, at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.body, m.at, !m.at.IsZero() && p.now().Sub(m.at) < p.keep
}
