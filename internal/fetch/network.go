package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	proxyAdvice = "the proxy wants authentication: put user and password into HTTPS_PROXY or HTTP_PROXY, as http://USER:PASSWORD@HOST:PORT, or name the registry in NO_PROXY"
	caAdvice    = "the server's certificate is not trusted: if a proxy of yours reads what is encrypted, let SSL_CERT_FILE name its certificate"
)

// proxyError is a proxy's answer to the wish for a connection.
type proxyError struct{ status int }

func (e proxyError) Error() string {
	if e.status == http.StatusProxyAuthRequired {
		return proxyAdvice
	}
	return fmt.Sprintf("the proxy makes no connection: HTTP %d: %s", e.status, http.StatusText(e.status))
}

// onConnect keeps the status of a proxy that makes no connection, of which the transport would keep the text only.
func onConnect(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError{answer.StatusCode}
}

// networkFailure is what went wrong on the wire, without the URL that url.Error would print: on GET it holds the signature. What
// trying again will not mend says what will.
func networkFailure(err error, timeout time.Duration) (class, string) {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return classRetry, fmt.Sprintf("no complete answer within %s", timeout)
	}
	if refusal, ok := errors.AsType[proxyError](err); ok {
		switch class := classOfStatus(refusal.status); class {
		case classRetry, classThrottle:
			return classRetry, refusal.Error()
		case classProxy:
			return classProxy, refusal.Error()
		default:
			return classNoAPI, refusal.Error()
		}
	}
	if advice := certificateAdvice(err); advice != "" {
		return classNoAPI, fmt.Sprintf("%s (%v)", advice, err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return classNoAPI, fmt.Sprintf("the address does not speak TLS: check UCLOUD_API_BASE_URL and the proxy (%v)", err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return classRetry, fmt.Sprintf("no address is known for host %q: check UCLOUD_API_BASE_URL and the name server", dns.Name)
	}
	return classRetry, err.Error()
}

func certificateAdvice(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return caAdvice
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is another host's: check UCLOUD_API_BASE_URL and the proxy"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "the server's certificate is not valid at this time: check this machine's clock, and then ask who runs the server"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return caAdvice
	}
	return ""
}
