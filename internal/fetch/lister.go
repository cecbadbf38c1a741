package fetch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"syncer/internal/registry"
	"syncer/internal/wire"
)

// The actions of the API that are used.
const (
	actionImages = "GetRepoImage"
	actionRepos  = "GetRepo"
)

// lister reads the pages of one list over HTTP, as many at a time as the source allows.
type lister struct {
	source  *Source
	request request // offset and limit are filled in for each page

	last    time.Time // when the latest page was there
	foreign string    // another repo's name that a row carried
}

// arrival is a page and when it was there.
type arrival struct {
	offset int
	answer wire.Answer
	at     time.Time
}

func (l *lister) Limit() int { return l.request.limit }

// Now implements walk.Pager: our clock, corrected by what the server's answers say of theirs.
func (l *lister) Now() time.Time {
	skew, _ := l.source.ClockSkew()
	return l.source.opts.Now().Add(skew)
}

// Pages implements walk.Pager. Pages are decoded where they arrive and entered by the caller alone: workers that took turns at the
// book would stand in line behind each other instead of having requests on the wire.
func (l *lister) Pages(ctx context.Context, offsets []int, take func(int, registry.Page)) error {
	if len(offsets) == 1 && offsets[0] == 0 {
		return l.first(ctx, take)
	}
	ctx, cancel := context.WithCancel(ctx) // should take panic, no worker is left behind
	defer cancel()
	workers := min(len(offsets), 2*l.source.opts.Concurrency) // one half is on the wire, the other decodes and stands ready
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	g.Go(func() error {
		defer close(next)
		for _, offset := range offsets {
			select {
			case next <- offset:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	arrivals := make(chan arrival, workers)
	for range workers {
		g.Go(func() error {
			for offset := range next {
				a, err := l.page(ctx, l.request, offset)
				if err != nil {
					return err
				}
				select {
				case arrivals <- a:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() {
		done <- g.Wait()
		close(arrivals)
	}()
	for a := range arrivals {
		l.enter(a, take)
	}
	return <-done
}

// enter hands a page to the walk.
func (l *lister) enter(a arrival, take func(int, registry.Page)) {
	if a.at.After(l.last) {
		l.last = a.at
	}
	for i := range a.answer.Page.Rows {
		if named := a.answer.Page.Rows[i].Repo; named != "" && named != l.request.repo {
			l.foreign = named // the request is trusted, not the row
		}
	}
	take(a.offset, a.answer.Page)
}

// first reads the first page, with fewer rows where the server refuses to give as many as it is asked for.
func (l *lister) first(ctx context.Context, take func(int, registry.Page)) error {
	size, proven := l.source.size.current()
	l.request.limit = size
	a, err := l.page(ctx, l.request, 0)
	if err == nil {
		l.source.size.worked(size)
		l.enter(a, take)
		return nil
	}
	if proven || !badParameter(err) {
		return err
	}
	for _, smaller := range fallbackSizes {
		if smaller >= size {
			continue
		}
		r := l.request
		r.limit = smaller
		if a, err := l.page(ctx, r, 0); err == nil {
			l.source.opts.Logger.InfoContext(ctx, "registry refuses the page size", "source", l.source.opts.Name, "size", size, "used", smaller)
			l.source.size.worked(smaller)
			l.request.limit = smaller
			l.enter(a, take)
			return nil
		}
	}
	return err // of the size that was asked for: the size was not what was refused
}

func (l *lister) page(ctx context.Context, r request, offset int) (a arrival, err error) {
	r.offset = offset
	// Pages are read in goroutines, where a panic over one page would end the process. It is this repo's failure.
	defer func() {
		if cause := recover(); cause != nil {
			l.source.opts.Logger.ErrorContext(ctx, "panic", "doing", "read page", "repo", r.repo, "offset", offset,
				"cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("%s of %q at offset %d: panic: %v", r.action, r.repo, offset, cause)
		}
	}()
	answer, err := l.source.call(ctx, r)
	return arrival{offset: offset, answer: answer, at: l.source.opts.Now()}, err
}

// fallbackSizes are tried when the page size is refused; 20 is the documented default.
var fallbackSizes = []int{100, 50, 20}

// badParameter tells whether the server found a value of the call out of range. The code does not tell which.
func badParameter(err error) bool {
	var f *failure
	return errors.As(err, &f) && (f.retCode == 230 || f.retCode == 240)
}

// pageSize is how many rows the source's server is asked for.
type pageSize struct {
	mu     sync.Mutex
	rows   int
	proven bool // the server has accepted it
}

func newPageSize(rows int) *pageSize { return &pageSize{rows: rows} }

func (p *pageSize) current() (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rows, p.proven
}

// worked notes a size that was accepted; a larger one is not asked for again.
func (p *pageSize) worked(rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows, p.proven = min(p.rows, rows), true
}
