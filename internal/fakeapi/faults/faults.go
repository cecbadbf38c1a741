package fakeapi

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault answers a call in place of the API. It is given the body that would have been sent.
type Fault func(w http.ResponseWriter, r *http.Request, answer []byte)

func plainly(w http.ResponseWriter, _ *http.Request, answer []byte) {
	_, _ = w.Write(answer) // who called may be gone
}

// HTTPStatus answers a status with a gateway's HTML page.
func HTTPStatus(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>", status, http.StatusText(status))
	}
}

// RetCode refuses the call with a code.
func RetCode(code int, message string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) {
		plainly(w, r, (&answer{refusal: &refusal{code, message}}).encode(0))
	}
}

// Body answers 200 with a text in place of the true answer: an empty one, "null", half a document.
func Body(text string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) { plainly(w, r, []byte(text)) }
}

// HTML answers 200 with a proxy's login page.
func HTML() Fault {
	return WithHeader("Content-Type", "text/html", Body("<!DOCTYPE html><html><body>Please log in</body></html>"))
}

// Truncated sends half of the answer as if it were all of it.
func Truncated() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) { plainly(w, r, answer[:len(answer)/2]) }
}

// Cut sends half of the answer and then ends the connection.
func Cut() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		plainly(w, r, answer[:len(answer)/2])
	} // a server ends the connection of an answer that falls short
}

// Reset resets the connection without an answer.
func Reset() Fault {
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
func WithHeader(name, value string, then Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		w.Header().Set(name, value)
		orPlainly(then)(w, r, answer)
	}
}

// Slow waits and then lets the fault answer; nil is the true answer.
func Slow(d time.Duration, then Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		if wait(r.Context(), d) {
			orPlainly(then)(w, r, answer)
		}
	}
}

// Hang answers nothing until release is closed, then the truth. A caller who gives up, or the server's end, ends it too;
// a nil release leaves only these.
func Hang(release <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		select {
		case <-release:
			plainly(w, r, answer)
		case <-r.Context().Done():
		}
	}
}

// Trickle sends the answer a byte at a time.
func Trickle(each time.Duration) Fault {
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
func Redirect(status int, location string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}
}

// Gzip compresses the answer.
func Gzip() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		plainly(w, r, zip(answer))
	}
}

// block is what huge bodies are made of.
const block = 1 << 20

// Huge answers a JSON document that is n bytes of one string and ends, if it is read so far, as valid JSON.
func Huge(n int64) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		huge(w, n, func(b []byte) []byte { return b })
	}
}

// GzipBomb is [Huge], compressed to about a thousandth.
func GzipBomb(n int64) Fault {
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

func orPlainly(f Fault) Fault {
	if f == nil {
		return plainly
	}
	return f
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
