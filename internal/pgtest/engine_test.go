package pgtest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeEngine is a Docker engine that answers as the handler does, at the address that DOCKER_HOST wants.
func fakeEngine(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return "DOCKER_HOST=unix://" + socket
}

// hang answers nothing, for as long as the client waits.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// well answers all that is asked of an engine until it is to run a container. It has no image.
func well(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.44")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		_, _ = w.Write([]byte("OK"))
	case strings.HasSuffix(r.URL.Path, "/info"):
		_, _ = w.Write([]byte(`{"Name": "elsewhere", "OperatingSystem": "Debian"}`))
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message": "no such thing"}`))
	}
}

// only has the first requests for the path's end answered well, and lets all after them hang.
func only(end string, n int64) http.HandlerFunc {
	var come atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, end) && come.Add(1) > n {
			hang(w, r)
			return
		}
		well(w, r)
	}
}

// TestUnfitEngines has each engine lead to an error with a reason, on which the next way to a server is taken, and to no panic.
// Where an engine does not even say who it is the library goes on to the machine's own, so that the reason is not known here; the
// image is one that no engine can have.
func TestUnfitEngines(t *testing.T) {
	t.Parallel()
	const impatient, patient, image = "200ms 1m", "1m 200ms", "127.0.0.1:1/none:1"
	for name, test := range map[string]struct {
		limits string
		answer http.HandlerFunc
		want   string
	}{
		"silent":                   {impatient, hang, ""},
		"silent from its 2nd info": {impatient, only("/info", 1), "ask the engine: "},
		"silent from its 3rd info": {impatient, only("/info", 2), ""},
		"silent from its 4th info": {impatient, only("/info", 3), ""},
		"silent about images":      {impatient, only("/json", 0), "ask the engine for image " + image},
		"garbage":                  {patient, garbage, ""},
		"errors":                   {patient, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, ""},
		"hangs up":                 {patient, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		"with a silent registry":   {patient, only("/create", 0), "no answer from the registry"},
		"with a refusing registry": {patient, well, "no such thing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHelper(t, test.limits, fakeEngine(t, test.answer), imageVariable+"="+image)
			if err := h.cmd.Wait(); h.said == "" || h.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(h.said, test.want) {
				t.Errorf("%v: said %q, want %q in it", err, h.said, test.want)
			}
		})
	}
}

func garbage(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("<html>not an engine</html>"))
}

// TestPanicOfTheLibrary is what it does when an engine answers once and not again, unless it is kept from asking.
func TestPanicOfTheLibrary(t *testing.T) {
	t.Parallel()
	s, err := (docker{}).start(t.Context(), func(string) string { panic("of the library") })
	if s != nil || err == nil || !strings.Contains(err.Error(), "of the library") {
		t.Errorf("server %v, error %v", s, err)
	}
}
