package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressInterval is how often a log line tells how far long work is, where no bar can.
const progressInterval = 10 * time.Second

// progress shows how far long work is: a bar on a terminal, else a log line now and then.
type progress struct {
	show func(done, total int) // may be called from any goroutine
	stop func()
}

func (a *app) newProgress(ctx context.Context, what string, log *slog.Logger) progress {
	if a.terminal != nil {
		return newBar(barWriter{a.terminal}, what)
	}
	return newProgressLog(ctx, what, log)
}

// newProgressLog tells how far the work is every progressInterval, also when it stands still.
func newProgressLog(ctx context.Context, what string, log *slog.Logger) progress {
	var done, total atomic.Int64
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	var ticking sync.WaitGroup
	ticking.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				attrs := []any{"done", done.Load(), "total", total.Load()}
				if left := timeLeft(time.Since(began), done.Load(), total.Load()); left > 0 {
					attrs = append(attrs, "seconds_left", left.Seconds())
				}
				log.InfoContext(ctx, what, attrs...)
			}
		}
	})
	return progress{
		show: func(d, t int) {
			done.Store(int64(d))
			total.Store(int64(t))
		},
		stop: func() {
			cancel()
			ticking.Wait()
		},
	}
}

// timeLeft is how long the rest takes when it goes on like before; 0 when that cannot be said.
func timeLeft(passed time.Duration, done, total int64) time.Duration {
	if done <= 0 || total <= done {
		return 0
	}
	return time.Duration(float64(passed) / float64(done) * float64(total-done)).Round(time.Second)
}

func newBar(w io.Writer, what string) progress {
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	return progress{
		// A bar that cannot be drawn is no reason to stop the work.
		show: func(done, total int) {
			if total > 0 {
				bar.ChangeMax(total)
				_ = bar.Set(done)
			}
		},
		stop: func() { _ = bar.Finish() },
	}
}

// terminal is one on which log lines and a bar take turns: a line that comes while the bar is drawn takes its place,
// and the bar is drawn again below it.
type terminal struct {
	mu    sync.Mutex
	w     io.Writer
	drawn bool
}

// eraseLine takes what stands in the cursor's line off the terminal.
const eraseLine = "\r\x1b[2K"

// Write writes whole lines.
func (c *terminal) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drawn {
		if _, err := io.WriteString(c.w, eraseLine); err != nil {
			return 0, err
		}
	}
	c.drawn = false
	return c.w.Write(line)
}

// barWriter is the terminal for the bar.
type barWriter struct{ *terminal }

func (b barWriter) Write(part []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drawn = true
	return b.w.Write(part)
}
