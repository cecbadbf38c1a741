package fetch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncer/internal/registry"
	"syncer/internal/wire"
)

// class is what a failure asks for. What stops more than a repo does so only when it is not the repo's alone, see judge.
type class int

const (
	classOK       class = iota
	classRetry          // try again after a while
	classThrottle       // the same, and every worker of the source slows down
	classToken          // the credentials are not known: read them again once, then as classRefused
	classRefused        // stop the source
	classProject        // stop the project
	classRepo           // stop this repo
	classUnknown        // a code nobody has described: two retries, then stop this repo
	classNoAPI          // there is no such API at this address: stop the source
	classProxy          // the proxy on the way wants to know who asks: stop the source
)

// unknownRetries is how often a code without a known meaning is tried again. Product codes are permanent more often than not.
const unknownRetries = 2

// classOf maps an answer's code to what is to be done. Documented transient codes lie below 2000, where the vendor's own
// SDKs do not retry; the codes from 2000 on mean something else in every product.
func classOf(retCode int) class {
	switch retCode {
	case 0:
		return classOK
	case 110, 130, 150, 1000: // gateway timeout, gateway or auth service abnormal, unavailable, internal error
		return classRetry
	case 153:
		return classThrottle
	case 171, 172, 174: // wrong signature, no such user, token does not exist
		return classToken
	case 170, 294, 295: // no signature, caller's IP denied, security lock
		return classRefused
	case 292, 299: // project does not exist, no IAM permission
		return classProject
	case 160, 161, 210, 220, 230, 240, 293, 214001: // the call itself is not accepted
		return classRepo
	default:
		return classUnknown
	}
}

// classOfStatus maps an HTTP status that came without a usable envelope. Business errors arrive as 200 with a code, so
// another status comes from a gateway or proxy.
func classOfStatus(status int) class {
	switch {
	case status == http.StatusOK:
		return classRetry // a broken body
	case status == http.StatusTooManyRequests:
		return classThrottle
	case status == http.StatusRequestTimeout, status >= 500:
		return classRetry
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return classRefused
	case status == http.StatusProxyAuthRequired:
		return classProxy
	default:
		return classNoAPI
	}
}

// failure is a call that brought nothing usable. Its text names everything a person needs to follow it up with the vendor and
// nothing that could sign a request.
type failure struct {
	class      class
	action     string
	project    string
	repo       string
	retCode    int    // 0: there was none
	status     int    // 0: there was no answer
	detail     string // what the server or the network said, redacted
	requestID  string
	retryAfter time.Duration
	reach      error // a sentinel of registry; nil: concerns the repo alone
	attempts   int
	others     int   // repos that failed likewise
	stops      bool  // it has stopped the source
	seq        int64 // when the answer was there, in the order of the source's events
}

func (f *failure) Error() string {
	var b strings.Builder
	b.WriteString(f.action)
	if f.repo != "" {
		fmt.Fprintf(&b, " of %q", f.repo)
	}
	if f.project != "" {
		fmt.Fprintf(&b, " in project %q", f.project)
	}
	b.WriteString(": ")
	if f.reach != nil {
		b.WriteString(f.reach.Error() + ": ")
	}
	if f.retCode != 0 {
		fmt.Fprintf(&b, "RetCode %d: ", f.retCode)
	}
	if f.status != 0 && f.status != http.StatusOK {
		fmt.Fprintf(&b, "HTTP %d: ", f.status)
	}
	b.WriteString(cmp.Or(f.detail, "no message"))
	if f.retCode == 299 && f.project == "" {
		b.WriteString(" (no project was sent, which a sub-account must: set UCLOUD_PROJECT_ID)")
	}
	if f.attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", f.attempts)
	}
	if f.others > 0 && f.reach != nil {
		fmt.Fprintf(&b, " (%d others that were asked fail too)", f.others)
	}
	if f.requestID != "" {
		fmt.Fprintf(&b, " [request %s]", f.requestID)
	}
	return b.String()
}

func (f *failure) Unwrap() error { return f.reach }

// refusedCall reports whether the server understood the call and would not serve this repo, which may mean that the repo is gone.
func refusedCall(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.reach == nil && f.retCode != 0 && (f.class == classRepo || f.class == classUnknown)
}

// outOfRange reports whether the server may have found the offset or the limit out of range. No code says so for sure: 230 and 240 are
// recorded of other products, others answer with codes of their own, and gateways with a status.
func (f *failure) outOfRange() bool {
	switch f.retCode {
	case 0:
		return slices.Contains(rangeStatuses, f.status)
	case 160, 161, 293: // no such action, or not in this zone
		return false
	default:
		return f.class == classRepo || f.class == classUnknown
	}
}

// rangeStatuses are what gateways answer to a value that they do not like.
var rangeStatuses = []int{
	http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestedRangeNotSatisfiable, http.StatusUnprocessableEntity,
}

// stopping is the sentinel of a class that reaches beyond the repo, or nil.
func (c class) stopping() error {
	switch c {
	case classRefused, classToken:
		return registry.ErrRefused
	case classProject:
		return registry.ErrProjectRefused
	case classNoAPI, classProxy:
		return registry.ErrUnavailable
	default:
		return nil
	}
}

func (c class) outcome() string {
	switch c {
	case classOK:
		return "ok"
	case classRetry, classUnknown:
		return "retry"
	case classThrottle:
		return "throttle"
	case classRefused, classToken, classProject:
		return "refused"
	default:
		return "failed"
	}
}

// maxDetail bounds what of a server's text goes into an error, in bytes.
const maxDetail = 200

// redact makes a foreign text fit for logs: without secrets, in one line, short. Secrets are also looked for in the form
// they have in a URL.
func redact(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "***")
		text = strings.ReplaceAll(text, url.QueryEscape(secret), "***")
		text = strings.ReplaceAll(text, url.PathEscape(secret), "***")
	}
	return wire.Shorten(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " "), maxDetail)
}

// unavailable reports whether the source as a whole cannot be asked any more.
func unavailable(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.stops
}
