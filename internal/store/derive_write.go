package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// deriveImages is how many images are derived before the next are loaded: their days and events are in memory together.
const deriveImages = 500

// rewrites gathers what derived images come to.
type rewrites struct {
	images   edits[image]
	readings edits[reading]
	days     edits[imageDay]
	events   edits[event]
}

func (c *rewrites) take(d *derived, w *rewrite) {
	switch {
	case d.isNew:
		c.images.add = append(c.images.add, w.image)
	case !imageTable.same(&d.image, &w.image):
		c.images.change = append(c.images.change, w.image)
	}
	c.readings.join(&w.readings)
	c.days.join(&w.days)
	c.events.join(&w.events)
}

func (e *edits[T]) join(more *edits[T]) {
	e.add, e.change, e.remove = append(e.add, more.add...), append(e.change, more.change...), append(e.remove, more.remove...)
}

func (e *edits[T]) len() int { return len(e.add) + len(e.change) + len(e.remove) }

func (e *edits[T]) reset() {
	e.add, e.change, e.was, e.remove = e.add[:0], e.change[:0], e.was[:0], e.remove[:0]
}

func (c *rewrites) len() int {
	return c.images.len() + c.readings.len() + c.days.len() + c.events.len()
}

// flushAt writes once there are n rows.
func (c *rewrites) flushAt(ctx context.Context, tx pgx.Tx, n int) error {
	if c.len() < n {
		return nil
	}
	return c.flush(ctx, tx, &pgx.Batch{})
}

// flush writes what was gathered, together with what the batch holds.
func (c *rewrites) flush(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error {
	imageTable.queueEdits(b, &c.images)
	readingTable.queueEdits(b, &c.readings)
	imageDayTable.queueEdits(b, &c.days)
	eventTable.queueEdits(b, &c.events)
	if b.Len() > 0 {
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	if err := imageTable.copyIn(ctx, tx, c.images.add); err != nil {
		return err
	}
	if err := readingTable.copyIn(ctx, tx, c.readings.add); err != nil {
		return err
	}
	if err := imageDayTable.copyIn(ctx, tx, c.days.add); err != nil {
		return err
	}
	if err := eventTable.copyIn(ctx, tx, c.events.add); err != nil {
		return err
	}
	c.images.reset()
	c.readings.reset()
	c.days.reset()
	c.events.reset()
	return nil
}
