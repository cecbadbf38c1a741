package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
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
	Lookup func(variable string) (string, bool) // the environment
	File   string                               // YAML file named by a flag; empty: SYNCER_CONFIG, or none
	Flags  map[string]Flag                      // by key of the file
	Only   []string                             // repos named for this one command, as NAME or SOURCE/NAME
	Need   Need
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
	l := &loader{in: in, k: koanf.New("."), origin: map[string]string{}}
	l.loadDefaults()
	l.loadFile()
	l.loadEnvironment()
	l.loadFlags()
	l.loadOnly()
	l.loadSources()
	cfg := l.decode()
	// A value that could not be read would be complained of twice, the second time as missing.
	if len(l.faults) == 0 {
		l.check(&cfg)
	}
	if len(l.faults) > 0 {
		return Config{}, l.faults
	}
	return cfg, nil
}

// loader fills one Config. Layers later in Load override earlier ones.
type loader struct {
	in     Input
	k      *koanf.Koanf
	file   string            // path of the YAML file, when there is one
	inFile map[string]any    // what it says
	origin map[string]string // by key: the variable or flag that set it
	faults SettingErrors
}

func (l *loader) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(l.faults, text) { // an inherited value would be complained of once per source
		l.faults = append(l.faults, text)
	}
}

// where names the place that set a key as its writer knows it.
func (l *loader) where(key string) string {
	if origin, ok := l.origin[key]; ok {
		return origin
	}
	if l.file != "" {
		return l.file + ": " + key
	}
	return key
}

// explicit tells whether anybody set a top-level key; otherwise it has its default.
func (l *loader) explicit(key string) bool {
	_, inFile := l.inFile[key]
	_, elsewhere := l.origin[key]
	return inFile || elsewhere
}

func (l *loader) needs(n Need) bool { return n == 0 || l.in.Need&n != 0 }
