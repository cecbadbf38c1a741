package fetch

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"syncer/internal/walk"
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

// read walks the list.
func (l *lister) read(ctx context.Context) (walk.Result, error) {
	v, err := walk.Read(ctx, l, l.source.habits[l.request.action])
	if err == nil && v.Limit < l.source.opts.PageSize {
		l.source.opts.Logger.DebugContext(ctx, "registry refuses the page size", "source", l.source.opts.Name, "action", l.request.action,
			"size", l.source.opts.PageSize, "used", v.Limit)
	}
	return v, err
}

// arrival is the answer to one request and when it was there.
type arrival struct {
	walk.Answer
	at time.Time
}

// Now implements walk.Pager: our clock, corrected by what the server's answers say of theirs.
func (l *lister) Now() time.Time {
	skew, _ := l.source.ClockSkew()
	return l.source.opts.Now().Add(skew)
}

// Pages implements walk.Pager. Workers fetch and decode; only the caller merges pages into the book, so no worker waits for a lock while it
// could be on the wire.
func (l *lister) Pages(ctx context.Context, offsets []int, limit int, take func(walk.Answer)) error {
	ctx, cancel := context.WithCancel(ctx) // no worker outlives a panic in take
	defer cancel()
	workers := min(len(offsets), 2*l.source.opts.Concurrency) // one half is on the wire, the other decodes and stands ready
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	refused := make(chan struct{}) // closed by the first refusal: no page behind it is worth asking for
	stop := sync.OnceFunc(func() { close(refused) })
	g.Go(func() error { return feed(ctx, offsets, next, refused) })
	arrivals := make(chan arrival, workers)
	for range workers {
		g.Go(func() error {
			for offset := range next {
				a, err := l.page(ctx, offset, limit)
				if err != nil {
					return err
				}
				if a.Refused != nil {
					stop()
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
		l.note(a)
		take(a.Answer)
	}
	return <-done
}

// feed hands out offsets until they, or the time for them, are over.
func feed(ctx context.Context, offsets []int, next chan<- int, over <-chan struct{}) error {
	defer close(next)
	for _, offset := range offsets {
		select {
		case next <- offset:
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// note keeps what a snapshot says of its pages.
func (l *lister) note(a arrival) {
	if a.Refused != nil {
		return
	}
	if a.at.After(l.last) {
		l.last = a.at
	}
	for i := range a.Page.Rows {
		if named := a.Page.Rows[i].Repo; named != "" && named != l.request.repo {
			l.foreign = named // the request is trusted, not the row
		}
	}
}

func (l *lister) page(ctx context.Context, offset, limit int) (a arrival, err error) {
	r := l.request
	r.offset, r.limit = offset, limit
	// Pages are read in goroutines, where a panic over one page would end the process. It is this repo's failure.
	defer func() {
		if cause := recover(); cause != nil {
			l.source.opts.Logger.ErrorContext(ctx, "panic", "doing", "read page", "repo", r.repo, "offset", offset,
				"cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("%s of %q at offset %d: panic: %v", r.action, r.repo, offset, cause)
		}
	}()
	answer, err := l.source.call(ctx, r)
	var f *failure
	if errors.As(err, &f) && f.reach == nil {
		return arrival{Answer: walk.Answer{Offset: offset, Refused: err, OutOfRange: f.outOfRange()}}, nil
	}
	return arrival{Answer: walk.Answer{Offset: offset, Page: answer.Page}, at: l.source.opts.Now()}, err
}
