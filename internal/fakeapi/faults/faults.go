// Package faults is what can be made to go wrong with an answer of the simulated registry. It is for tests alone: nothing of it
// may link into the program.
package faults

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"syncer/internal/fakeapi"
)

// HTTPStatus answers a status with a gateway's HTML page.
func HTTPStatus(status int) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	}
}

// RetCode refuses the call with a code.
func RetCode(code int, message string) fakeapi.Fault {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err) // a string always marshals
	}
	return Body(fmt.Sprintf(`{"RetCode":%d,"Message":%s}`, code, text))
}

// Body answers 200 with a text in place of the true answer: an empty one, "null", half a document.
func Body(text string) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) { send(w, []byte(text)) }
}

// HTML answers 200 with a proxy's login page.
func HTML() fakeapi.Fault {
	return WithHeader("Content-Type", "text/html", Body("<!DOCTYPE html><html><body>Please log in</body></html>"))
}

// Truncated sends half of the answer as if it were all of it.
func Truncated() fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, answer []byte) { send(w, answer[:len(answer)/2]) }
}

// Cut sends half of the answer and then ends the connection.
func Cut() fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, answer []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		send(w, answer[:len(answer)/2])
	} // a server ends the connection of an answer that falls short
}

// Reset resets the connection without an answer.
func Reset() fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil { // not a plain HTTP/1 connection
			panic(http.ErrAbortHandler)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // close with RST
		}
		_ = conn.Close()
	}
}

// WithHeader sets a header, Retry-After say, and then lets the fault answer; nil is the true answer.
func WithHeader(name, value string, then fakeapi.Fault) fakeapi.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		w.Header().Set(name, value)
		orAnswer(then)(w, r, answer)
	}
}

// Hang answers nothing until release is closed, then the truth. A caller who gives up, or the server's end, ends it too;
// a nil release leaves only these.
func Hang(release <-chan struct{}) fakeapi.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		select {
		case <-release:
			send(w, answer)
		case <-r.Context().Done():
		}
	}
}

// Trickle sends the answer a byte at a time.
func Trickle(each time.Duration) fakeapi.Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		for _, b := range answer {
			if _, err := w.Write([]byte{b}); err != nil {
				return
			}
			flush(w)
			if !wait(r.Context(), each) {
				return
			}
		}
	}
}

// Redirect sends the caller elsewhere.
func Redirect(status int, location string) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// block is what huge bodies are made of.
const block = 1 << 20

// Huge answers a JSON document that is n bytes of one string and ends, if it is read so far, as valid JSON.
func Huge(n int64) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		huge(w, n, func(b []byte) []byte { return b })
	}
}

// GzipBomb is [Huge], compressed to about a thousandth.
func GzipBomb(n int64) fakeapi.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		huge(w, n, zip)
	}
}

// huge writes in blocks, each coded once: a gzip stream may consist of many members.
func huge(w io.Writer, n int64, code func([]byte) []byte) {
	if _, err := w.Write(code([]byte(`{"RetCode":0,"Action":"GetRepoImageResponse","Pad":"`))); err != nil {
		return
	}
	full := code([]byte(strings.Repeat("x", block)))
	for ; n > 0; n -= block {
		if _, err := w.Write(full); err != nil {
			return
		}
	}
	_, _ = w.Write(code([]byte(`","TotalCount":0,"ImageSet":[]}`)))
}

func zip(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func send(w http.ResponseWriter, body []byte) {
	_, _ = w.Write(body) // who called may be gone
}

// orAnswer is the fault, or for nil the one that sends the true answer.
func orAnswer(f fakeapi.Fault) fakeapi.Fault {
	if f != nil {
		return f
	}
	return func(w http.ResponseWriter, _ *http.Request, answer []byte) { send(w, answer) }
}

// wait passes d and reports whether the context lasted as long.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
