package syncer

import (
	"context"
	"sync"

	"syncer/internal/registry"
)

// A group of repos that are written together is as big as what came in while the group before was written, but no bigger than
// this: a transaction each would cost small repos more than their writing, and a long one would keep other writers waiting.
const (
	groupRepos  = 500
	groupImages = 20_000
)

// item is what became of reading a repo: a snapshot to be applied, or an outcome to be recorded.
type item struct {
	snap   *registry.Snapshot
	result registry.RepoSync // when there is no snapshot
	cause  error             // of a failed result
}

func (i item) images() int {
	if i.snap == nil {
		return 0
	}
	return len(i.snap.Images)
}

// queue gathers the next group. It holds no more than one, so readers wait when writing is slower than they are, and memory
// is bound: a group being written, a group waiting, and a repo for each reader. A repo too big for a group makes one alone.
type queue struct {
	mu     sync.Mutex
	items  []item
	images int
	closed bool
	ready  chan struct{} // has a token when there is something to take
	room   chan struct{} // closed, and replaced, when the group is taken
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), room: make(chan struct{})}
}

// put adds an item to the group, when there is room for it.
func (q *queue) put(ctx context.Context, it item) error {
	for {
		room, ok := q.add(it)
		if ok {
			return nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (q *queue) add(it item) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > 0 && (len(q.items) >= groupRepos || q.images+it.images() > groupImages) {
		return q.room, false
	}
	q.items = append(q.items, it)
	q.images += it.images()
	q.wake()
	return nil, true
}

// take waits for a group and returns all of it; nothing when the queue is closed and empty.
func (q *queue) take(ctx context.Context) ([]item, error) {
	for {
		items, closed := q.drain()
		if len(items) > 0 || closed {
			return items, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) drain() (items []item, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items, q.images = q.items, nil, 0
	if len(items) > 0 {
		close(q.room)
		q.room = make(chan struct{})
	}
	return items, q.closed
}

// close says that nothing will be put any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
