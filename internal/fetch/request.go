package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// request is one call before it is signed. Empty texts are left out and numbers are sent in plain decimal.
type request struct {
	action  string
	project string
	repo    string // for GetRepoImage
	kind    string // for GetRepo: private or public
	offset  int
	limit   int
}

// params are the call's parameters as they are sent and signed, without the signature.
func (r request) params(cred Credentials) map[string]string {
	params := map[string]string{
		"Action": r.action,
		"Offset": strconv.Itoa(r.offset),
		"Limit":  strconv.Itoa(r.limit),
	}
	for key, value := range map[string]string{
		"PublicKey": cred.PublicKey, "SecurityToken": cred.SecurityToken,
		"ProjectId": r.project, "RepoName": r.repo, "Type": r.kind,
	} {
		if value != "" { // an empty value is signed differently by different servers: never send one
			params[key] = value
		}
	}
	return params
}

// numeric are the parameters that JSON carries as numbers; the backend refuses them as text there.
var numeric = map[string]bool{"Offset": true, "Limit": true}

// build makes the signed HTTP request. It also returns the texts that no message may repeat.
func (s *Source) build(ctx context.Context, r request, cred Credentials) (*http.Request, []string, error) {
	params := r.params(cred)
	signature := sign(params, cred.PrivateKey)
	params["Signature"] = signature
	secrets := []string{cred.PublicKey, cred.PrivateKey, cred.SecurityToken, signature}

	method, target, contentType := http.MethodPost, s.opts.BaseURL, "application/x-www-form-urlencoded"
	var body io.Reader
	switch s.opts.Encoding {
	case EncodingGET:
		method, target, contentType = http.MethodGet, target+"?"+form(params), ""
	case EncodingJSON:
		fields := make(map[string]any, len(params))
		for key, value := range params {
			if fields[key] = value; numeric[key] {
				fields[key] = json.Number(value)
			}
		}
		encoded, err := json.Marshal(fields)
		if err != nil {
			return nil, secrets, fmt.Errorf("encode request: %w", err)
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	default:
		body = strings.NewReader(form(params))
	}

	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, secrets, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", s.opts.UserAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for key, value := range s.opts.Headers {
		req.Header.Set(key, value)
	}
	return req, secrets, nil
}

// form escapes everything: a plus sign of a key that travels bare is read as a space, and the user is not found.
func form(params map[string]string) string {
	values := make(url.Values, len(params))
	for key, value := range params {
		values.Set(key, value)
	}
	return values.Encode()
}
