package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// address is a connection string taken apart, in the order of its writer.
type address []pair

type pair struct{ key, value string }

// The errors of this file never quote what was written: where it is malformed nobody can tell which part is the password. They
// may name a key of dsnKeys.
var (
	errNoAddress = errors.New("is not a PostgreSQL address: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, host=HOST dbname=DATABASE ..., or local:DIR")
	errNoURL     = errors.New("is not a PostgreSQL URL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, " +
		"special characters of the password as %XX: @ as %40, / as %2F, ? as %3F, # as %23, % as %25")
	errUnknownKey = errors.New("holds a key that is not known: write postgres://USER:PASSWORD@HOST:PORT/DATABASE or host=HOST dbname=DATABASE ...; " +
		"settings of the server go into options=-c NAME=VALUE")
)

// parseAddress takes apart a PostgreSQL URL or key=value pairs with known keys, and refuses everything else.
func parseAddress(text string) (a address, err error) {
	lower := strings.ToLower(text)
	for _, scheme := range foreignSchemes {
		if strings.HasPrefix(lower, scheme) {
			return nil, fmt.Errorf("is not the URL of a PostgreSQL database (it begins with %s): write postgres://USER:PASSWORD@HOST:PORT/DATABASE", scheme)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }) {
		return nil, errors.New("holds a control character: write it anew")
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok && (strings.EqualFold(scheme, "postgres") || strings.EqualFold(scheme, "postgresql")) {
		a, err = parseURL(rest)
	} else {
		a, err = parsePairs(text)
	}
	if err != nil {
		return nil, err
	}
	return a.checked()
}

// parseURL takes apart what follows the scheme. A password may hold @ and : as they are: what cannot be a host belongs to it. Where
// a / or ? of it leaves two readings the URL is refused, since the wrong one would ask the network for a part of the password.
func parseURL(text string) (a address, err error) {
	if strings.ContainsAny(text, "#\n\r\t") {
		return nil, errNoURL
	}
	text, query, _ := strings.Cut(text, "?")
	authority, database, _ := strings.Cut(text, "/")
	login, hosts := "", authority
	at := strings.LastIndexByte(authority, '@')
	if at >= 0 {
		login, hosts = authority[:at], authority[at+1:]
	}
	options, err := parseQuery(query)
	if err != nil {
		return nil, err
	}
	hasUser := at >= 0 || slices.ContainsFunc(options, func(p pair) bool { return p.key == "user" })
	if torn(database, hasUser) || strings.Contains(strings.ToLower(login), "@%2f") {
		return nil, errNoURL
	}
	user, password, hasPassword := strings.Cut(login, ":")
	host, port, err := splitHosts(hosts)
	if err != nil {
		return nil, err
	}
	a = address{{"host", host}, {"port", port}, {"user", user}, {"dbname", database}}
	if hasPassword {
		a = append(a, pair{"password", password})
	}
	for i := range a {
		if a[i].value, err = url.PathUnescape(a[i].value); err != nil {
			return nil, errNoURL
		}
	}
	a = slices.DeleteFunc(a, func(p pair) bool { return strings.Trim(p.value, ",") == "" && p.key != "password" })
	for _, p := range options { // which win, as they do in libpq
		a = append(a.without(p.key), p)
	}
	return a, nil
}

// torn reports whether an @ in the database's place may be the one that ends a login, torn by a / of the password.
func torn(database string, hasUser bool) bool {
	before, after, ok := cutLast(database, "@")
	if !ok {
		return false
	}
	_, notIP := netip.ParseAddr(after)
	return !hasUser || strings.ContainsAny(after, "/:.[") || strings.Contains(before, "/") || strings.EqualFold(after, "localhost") || notIP == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func parseQuery(query string) (a address, err error) {
	if query == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, ok := strings.Cut(part, "=")
		if _, known := dsnKeys[key]; !known || !ok {
			return nil, errUnknownKey
		}
		if value, err = url.PathUnescape(value); err != nil { // a + is a +, as in libpq
			return nil, fmt.Errorf("%s: a %% is written as %%25", key)
		}
		a = append(a.without(key), pair{key, value})
	}
	return a, nil
}

// splitHosts takes apart HOST:PORT,HOST:PORT; a host may be [IPv6].
func splitHosts(text string) (host, port string, err error) {
	var hosts, ports []string
	for one := range strings.SplitSeq(text, ",") {
		h, p := one, ""
		if rest, ok := strings.CutPrefix(one, "["); ok {
			if h, p, ok = strings.Cut(rest, "]"); !ok || p != "" && p[0] != ':' {
				return "", "", errNoURL
			}
			p = strings.TrimPrefix(p, ":")
		} else if before, after, ok := cutLast(one, ":"); ok {
			h, p = before, after
		}
		if strings.Contains(h, ":") && !strings.HasPrefix(one, "[") || !isPort(p) {
			return "", "", errNoURL
		}
		hosts, ports = append(hosts, h), append(ports, p)
	}
	return strings.Join(hosts, ","), strings.Join(ports, ","), nil
}

var (
	spaces  = " \t\n\r\v\f"
	onePair = regexp.MustCompile(`^([a-z_]+)[ \t\n\r\v\f]*=[ \t\n\r\v\f]*(?:'((?:[^'\\]|\\.)*)'|((?s:[^'\\ \t\n\r\v\f]|\\.)(?s:[^\\ \t\n\r\v\f]|\\.)*)?)(?:[ \t\n\r\v\f]+|$)`)
	escape  = regexp.MustCompile(`(?s)\\(.)`)
)

// parsePairs takes apart key=value pairs, written as libpq wants them.
func parsePairs(text string) (a address, err error) {
	text = strings.Trim(text, spaces)
	if text == "" {
		return nil, errNoAddress
	}
	for text != "" {
		m := onePair.FindStringSubmatch(text)
		if m == nil {
			return nil, errNoAddress
		}
		if _, known := dsnKeys[m[1]]; !known {
			return nil, errUnknownKey
		}
		a = append(a.without(m[1]), pair{m[1], escape.ReplaceAllString(m[2]+m[3], "$1")})
		text = text[len(m[0]):]
	}
	return a, nil
}

// checked refuses values that cannot be what their key says, and leaves out the keys that have no use here.
func (a address) checked() (address, error) {
	var kept address
	for _, p := range a {
		switch dsnKeys[p.key] {
		case keyIdle:
			continue
		case keyRefused:
			if slices.Contains(idleValues[p.key], p.value) {
				continue
			}
			return nil, fmt.Errorf("%s: is not understood by this program's driver: leave it out", p.key)
		case keyHostAddr:
			return nil, errors.New("hostaddr: is not understood by this program's driver: write the address as host")
		case keyRenamed:
			p.key = "dbname"
		}
		if advice := badValue(p); advice != "" {
			return nil, fmt.Errorf("%s: %s", p.key, advice)
		}
		kept = append(kept.without(p.key), p)
	}
	return kept, nil
}

var hostForm = regexp.MustCompile(`^(?:[\pL\pN._-]+|[0-9A-Fa-f:.]+(?:%[\pL\pN._-]+)?|/.*|)$`)

// badValue says what a value must be when it is not. What names a place in the network is looked at most closely: whatever stands
// there is sent to name servers and strangers.
func badValue(p pair) (advice string) {
	const special = "; special characters of a password in a URL are written as %XX, @ as %40"
	lower := strings.ToLower(p.value)
	if p.key != "password" && p.key != "sslpassword" && (strings.Contains(lower, "password=") || strings.Contains(lower, "://")) {
		return "holds another setting: the whole address belongs into DATABASE_URL, key=value pairs are parted by blanks"
	}
	switch p.key {
	case "host":
		for host := range strings.SplitSeq(p.value, ",") {
			if !hostForm.MatchString(host) {
				return "is no name of a host, no address and no folder of a socket" + special
			}
		}
	case "port":
		if !slices.Equal(slices.DeleteFunc(strings.Split(p.value, ","), func(s string) bool { return !isPort(s) }), strings.Split(p.value, ",")) {
			return "is no number from 1 to 65535" + special
		}
	case "dbname", "user", "service":
		if strings.Contains(p.value, "=") || p.key == "user" && strings.ContainsAny(p.value, ":：＠") {
			return "is no name; a password follows the user after a colon, and in a URL its special characters are written as %XX"
		}
	case "sslmode":
		if !slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, p.value) {
			return "is not one of disable, allow, prefer, require, verify-ca, verify-full"
		}
	case "connect_timeout":
		if _, err := strconv.ParseUint(p.value, 10, 31); err != nil {
			return "is no number of seconds"
		}
	}
	return ""
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return text == "" || err == nil && n > 0
}
