package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

func (l *loader) loadDefaults() {
	for _, s := range Settings() {
		if s.Default != "" {
			l.top[s.Key] = written(s.Default, "")
		}
	}
}

// loadEnvironment takes every variable that sets something. The others are asked for where they matter.
func (l *loader) loadEnvironment() {
	for _, s := range Settings() {
		if s.field == nil {
			continue
		}
		before := len(l.faults)
		value := l.variable(s)
		if bad := len(l.faults) > before; value != "" || bad {
			l.top[s.Key] = given{texts: []string{value}, origin: s.Variable, bad: bad}
		}
	}
}

func (l *loader) loadFlags() {
	for key, flag := range l.in.Flags {
		l.top[key] = written(flag.Value, flag.Name)
	}
}

// loadOnly lets repos named on the command line stand for the list of the only source there is, when it has none. Otherwise they
// merely select from what the sources hold, so that a typing error is one.
func (l *loader) loadOnly() {
	if len(l.in.Only) == 0 || len(l.sources) > 0 || len(l.top["repos"].items()) > 0 || l.top["discover"].texts[0] != string(DiscoverNone) {
		return
	}
	repos := given{list: true, origin: "--repo"}
	for _, name := range l.in.Only {
		repos.texts = append(repos.texts, strings.TrimPrefix(name, DefaultSource+"/"))
	}
	l.top["repos"] = repos
}

// variable returns the value of a setting's variable, of a secret also from the file that VARIABLE_FILE names. Empty counts as
// unset, and so does what the command has no need of.
func (l *loader) variable(s Setting) string {
	if !l.needs(s.need) {
		return ""
	}
	value, _ := l.in.Lookup(s.Variable)
	if !s.Secret {
		return value
	}
	path, _ := l.in.Lookup(s.Variable + fileSuffix)
	switch {
	case path == "":
		return value
	case value != "":
		l.fault("%s and %s are both set: unset one", s.Variable, s.Variable+fileSuffix)
		return value
	default:
		return l.secretFile(s.Variable+fileSuffix, path)
	}
}

// secretFile reads a mounted secret.
func (l *loader) secretFile(where, path string) string {
	data, err := os.ReadFile(path)
	value := bare(string(data))
	switch {
	case err != nil:
		l.fault("%s: read %s: %v: name a readable file that holds the secret", where, path, cause(err))
	case value == "":
		l.fault("%s: %s is empty: put the secret in it", where, path)
	}
	return value
}

// cause is what the system said, without the path that the message has already.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
