package fakeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
)

// refusal is an answer that says no.
type refusal struct {
	code    int
	message string
}

// maxCall bounds what a call may send.
const maxCall = 1 << 20

// parameters reads what a call sent: names and decoded values, as they are signed. Parameters of a POST are its body's; the
// official Go SDK repeats Action in the URL, so those of the URL are added where the body has none of that name. A name
// sent twice has no defined meaning and is refused.
func parameters(r *http.Request) (map[string]string, *refusal) {
	query, ref := form(r.URL.RawQuery)
	if ref != nil || r.Method != http.MethodPost {
		return query, ref
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall))
	if err != nil {
		return nil, &refusal{230, "Body not readable"}
	}
	read := func() (map[string]string, *refusal) { return form(string(body)) }
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		read = func() (map[string]string, *refusal) { return object(body) }
	} else if kind != "application/x-www-form-urlencoded" {
		return query, nil
	}
	params, ref := read()
	if ref != nil {
		return nil, ref
	}
	for k, v := range query {
		if _, ok := params[k]; !ok {
			params[k] = v
		}
	}
	return params, nil
}

func form(text string) (map[string]string, *refusal) {
	values, err := url.ParseQuery(text) // a literal + becomes a space, as it does at the real one
	if err != nil {
		return nil, &refusal{230, "Params not decodable"}
	}
	params := make(map[string]string, len(values))
	for k, v := range values {
		if len(v) > 1 {
			return nil, &refusal{230, fmt.Sprintf("Params [%s] sent twice", k)}
		}
		params[k] = v[0]
	}
	return params, nil
}

func object(body []byte) (map[string]string, *refusal) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return nil, &refusal{230, "Body is no JSON object"}
	}
	params := map[string]string{}
	for k, v := range values {
		flatten(params, k, v)
	}
	return params, nil
}

// flatten names what stands inside arrays and objects Key.0, Key.1, Key.Sub. A null is not sent at all.
func flatten(params map[string]string, key string, value any) {
	switch v := value.(type) {
	case string:
		params[key] = v
	case bool:
		params[key] = strconv.FormatBool(v)
	case json.Number:
		params[key] = plain(v)
	case []any:
		for i, e := range v {
			flatten(params, key+"."+strconv.Itoa(i), e)
		}
	case map[string]any:
		for k, e := range v {
			flatten(params, key+"."+k, e)
		}
	}
}

// plain is a number as it is signed: 42.0 is 42, and never in scientific notation.
func plain(n json.Number) string {
	if i, err := n.Int64(); err == nil {
		return strconv.FormatInt(i, 10)
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
