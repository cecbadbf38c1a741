package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Need says which parts of the configuration a command cannot do without.
type Need uint8

// The parts. Commands that only use the database want no credentials, and the other way round.
const (
	NeedSource Need = 1 << iota
	NeedDatabase
)

// Input is where Load looks.
type Input struct {
	Lookup   func(variable string) (string, bool) // the environment
	File     string                               // YAML file named by a flag; empty: SYNCER_CONFIG, or none
	Flags    map[string]Flag                      // by key of the file
	Only     []string                             // repos named for this one command, as NAME or SOURCE/NAME
	Schedule func(spec string) error              // says what is wrong with a schedule; nil: nobody follows it
	Need     Need
}

// Flag is a setting given on the command line.
type Flag struct{ Name, Value string }

// SettingErrors is everything that is wrong with a configuration, one line each that says what to do.
type SettingErrors []string

// Error is the faults, one a line.
func (f SettingErrors) Error() string { return strings.Join(f, "\n") }

// Load reads and checks the configuration. The error is SettingErrors.
func Load(in Input) (Config, error) {
	lookup := in.Lookup
	in.Lookup = func(variable string) (string, bool) {
		value, ok := lookup(variable)
		return bare(value), ok
	}
	l := &loader{in: in, top: values{}, lines: map[string]int{}}
	l.loadDefaults()
	l.loadFile()
	l.loadEnvironment()
	l.loadFlags()
	l.loadOnly()
	var cfg Config
	l.setProgram(&cfg)
	l.setSources(&cfg)
	l.check(&cfg)
	if len(l.faults) > 0 {
		return Config{}, l.faults
	}
	return cfg, nil
}

// loader fills one Config.
type loader struct {
	in      Input
	top     values         // by key; layers later in Load override earlier ones
	file    string         // path of the YAML file, when there is one
	lines   map[string]int // by path: where the file says it
	blind   bool           // the file could not be read, so nothing can be called missing
	sources []*yaml.Node   // items of the file's list
	unread  bool           // which is none
	checks  []*sourceCheck // one for each source of the Config
	faults  SettingErrors
}

// values are what somebody wrote, by key.
type values map[string]given

// given is a value as it was written.
type given struct {
	texts  []string // one, or the items of a list
	list   bool
	origin string // the variable, flag or place in the file; empty: the default
	bad    bool   // it could not be read, so it is not to be complained of once more
}

func written(value, origin string) given { return given{texts: []string{value}, origin: origin} }

func (l *loader) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(l.faults, text) { // an inherited value would be complained of once per source
		l.faults = append(l.faults, text)
	}
}

// faultAt complains of the value of a key of the top level, unless that was done when it was read.
func (l *loader) faultAt(key, format string, args ...any) {
	if !l.top[key].bad {
		l.fault("%s: %s", l.where(key), fmt.Sprintf(format, args...))
	}
}

// set gives a field the value of a key. One that cannot be read is complained of, and leaves the field as it is.
func (l *loader) set(from values, key string, field any) {
	v, ok := from[key]
	if !ok || v.bad {
		return
	}
	if err := setField(field, v); err != nil {
		l.fault("%s: %v", v.origin, err)
		v.bad = true
		from[key] = v
	}
}

func (l *loader) setProgram(cfg *Config) {
	for _, s := range Settings() {
		if s.field != nil && s.scope == ofProgram {
			l.set(l.top, s.Key, s.field(cfg, nil))
		}
	}
}

// where names the place that set a key of the top level as its writer knows it.
func (l *loader) where(key string) string {
	if origin := l.top[key].origin; origin != "" {
		return origin
	}
	return l.at(key)
}

// at names a place in the file, with the line of the nearest thing that stands there.
func (l *loader) at(path string) string {
	if l.file == "" {
		return path
	}
	for p := path; p != ""; p = p[:max(strings.LastIndexAny(p, ".["), 0)] {
		if line, ok := l.lines[p]; ok {
			return fmt.Sprintf("%s:%d: %s", l.file, line, path)
		}
	}
	return l.file + ": " + path
}

// explicit reports whether anybody set a top-level key; otherwise it has its default.
func (l *loader) explicit(key string) bool { return l.top[key].origin != "" }

func (l *loader) needs(n Need) bool { return n == 0 || l.in.Need&n != 0 }
