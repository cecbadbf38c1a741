package config

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
)

func (l *loader) loadDefaults() {
	for _, s := range Settings() {
		if s.Default != "" {
			l.set(s.Key, s.Default, "")
		}
	}
}

// set overrides one key; origin is how its writer calls it.
func (l *loader) set(key string, value any, origin string) {
	if err := l.k.Load(confmap.Provider(map[string]any{key: value}, "."), nil); err != nil {
		l.fault("%s: %v", key, err)
		return
	}
	if origin != "" {
		l.origin[key] = origin
	}
}

// loadEnvironment takes every variable that has a key. Those without one are asked for where they matter.
func (l *loader) loadEnvironment() {
	for _, s := range Settings() {
		if s.Key == "" {
			continue
		}
		if value := l.variable(s); value != "" {
			l.set(s.Key, value, s.Variable)
		}
	}
}

func (l *loader) loadFlags() {
	for key, flag := range l.in.Flags {
		l.set(key, flag.Value, flag.Name)
	}
}

// loadOnly lets repos named on the command line stand for the list of the only source there is. With several sources, or with
// discovery, they merely select from what those hold.
func (l *loader) loadOnly() {
	if len(l.in.Only) == 0 || l.k.Exists("sources") || l.k.String("discover") != string(DiscoverNone) {
		return
	}
	repos := make([]any, len(l.in.Only))
	for i, name := range l.in.Only {
		repos[i] = strings.TrimPrefix(name, DefaultSource+"/")
	}
	l.set("repos", repos, "--repo")
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
	data, err := os.ReadFile(path) //nolint:gosec // G703: whoever starts the program says which file holds the secret
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
