package fetch

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"syncer/internal/registry"
)

// TestWhatStandsBetween tries what keeps requests from the registry: each is told as what it is, with what mends it, and is not tried again
// when that cannot help.
func TestWhatStandsBetween(t *testing.T) {
	t.Parallel()
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>no</html>", status) }
	}
	for name, test := range map[string]struct {
		proxy    int // its answer; 0: there is none
		address  string
		text     string
		requests int64
	}{
		"proxy wants a password":      {407, "http://registry.invalid", "HTTPS_PROXY", 2},
		"the same with TLS":           {407, "https://registry.invalid", "HTTPS_PROXY", 2},
		"proxy does not let through":  {403, "https://registry.invalid", "the proxy makes no connection: HTTP 403", 2},
		"proxy does not find it":      {502, "https://registry.invalid", "the proxy makes no connection: HTTP 502", 3},
		"proxy does not get answers":  {504, "http://registry.invalid", "HTTP 504: Gateway Timeout", 3},
		"unknown certificate":         {0, "", "SSL_CERT_FILE", 2},
		"no TLS where it is expected": {0, "plain", "does not speak TLS", 2},
		"unknown host":                {0, "https://registry.invalid", "no address is known for host \"registry.invalid\"", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := httptest.NewTLSServer(answer(500))
			t.Cleanup(own.Close)
			plain := httptest.NewServer(answer(test.proxy + 200*max(0, 1-test.proxy)))
			t.Cleanup(plain.Close)
			tr := transport(1).(*http.Transport)
			t.Cleanup(tr.CloseIdleConnections)
			tr.Proxy = nil
			address := test.address
			switch {
			case test.proxy > 0:
				proxy, err := url.Parse(plain.URL)
				if err != nil {
					t.Fatal(err)
				}
				tr.Proxy = http.ProxyURL(proxy)
			case strings.Contains(address, "invalid"): // a name server need not be there to say so
				tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "registry.invalid", Err: "no such host", IsNotFound: true}}
				}
			case address == "":
				address = own.URL
			case address == "plain":
				address = "https" + strings.TrimPrefix(plain.URL, "http")
			}
			s := source(t, nil, func(o *Options) { o.BaseURL, o.Transport, o.MaxAttempts = address, tr, 2 })
			_, err := s.Read(t.Context(), repo("web"))
			expectFailure(t, err, registry.ErrUnavailable, test.text)
			if got := s.Traffic().Requests; got != test.requests { // one of them asks for the list of repos
				t.Errorf("%d requests, want %d: %v", got, test.requests, err)
			}
		})
	}
}
