package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
)

// decode turns the layered values into a Config and complains of unknown keys.
func (l *loader) decode() Config {
	var cfg Config
	err := l.k.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook:  readValue,
		ErrorUnused: true,
		MatchName:   func(key, field string) bool { return key == field },
	}})
	before := len(l.faults)
	l.decodeFaults(err)
	slices.Sort(l.faults[before:]) // they come in the order of a map
	return cfg
}

const unknownKeys = "has invalid keys: " // mapstructure's words

// decodeFaults takes the tree of errors apart.
func (l *loader) decodeFaults(err error) {
	var many interface{ Unwrap() []error }
	var one *mapstructure.DecodeError
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, err := range many.Unwrap() {
			l.decodeFaults(err)
		}
	case !errors.As(err, &one):
		l.fault("%v", err)
	default:
		text := one.Unwrap().Error()
		keys, ok := strings.CutPrefix(text, unknownKeys)
		if !ok {
			l.fault("%s: %s", l.where(one.Name()), text)
			return
		}
		for key := range strings.SplitSeq(keys, ", ") {
			l.fault("%s: unknown key: remove it, or mend its spelling", l.where(join(one.Name(), key)))
		}
	}
}

// readValue is the hook that makes a field's value from what a variable (always text) or YAML (already typed) gave. It is
// strict where YAML's guesses would change a name: 1.10 is a fine name of a repo and a number to YAML.
func readValue(from, to reflect.Value) (any, error) {
	given := from.Interface()
	if text, ok := given.(string); ok {
		given = bare(text)
	}
	switch to.Interface().(type) {
	case Secret:
		text, err := plainText(given)
		return NewSecret(text), err
	case time.Duration:
		return readDuration(given)
	case []string:
		return readList(given)
	}
	if unmarshaler, ok := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(to.Type())); ok && isScalar(from) {
		if err := unmarshaler.UnmarshalText(fmt.Append(nil, given)); err != nil {
			if _, ok := unmarshaler.(*slog.Level); ok {
				err = fmt.Errorf("%q is not one of debug, info, warn, error", given)
			}
			return nil, err
		}
		return reflect.ValueOf(unmarshaler).Elem().Interface(), nil
	}
	switch to.Kind() {
	case reflect.String:
		return plainText(given)
	case reflect.Int:
		return readNumber(given, "a whole number", strconv.Atoi)
	case reflect.Float64:
		return readNumber(given, "a number", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case reflect.Bool:
		return readNumber(given, "true or false", strconv.ParseBool)
	default:
		return given, nil
	}
}

func isScalar(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Struct:
		return false
	default:
		return true
	}
}

// plainText never quotes what was given: it may be a secret.
func plainText(given any) (string, error) {
	switch v := given.(type) {
	case string:
		return v, nil
	case map[string]any, []any:
		return "", errors.New("wants one value")
	default:
		return "", errors.New("is no text to YAML: put it in quotes")
	}
}

func readDuration(given any) (time.Duration, error) {
	text, ok := given.(string)
	if !ok {
		return 0, errNoUnit
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q %w", text, errNoUnit)
	}
	return d, nil
}

// readList takes a YAML list, or text with commas as variables have it.
func readList(given any) ([]string, error) {
	var list []string
	switch v := given.(type) {
	case string:
		for item := range strings.SplitSeq(v, ",") {
			if item = bare(item); item != "" {
				list = append(list, item)
			}
		}
	case []any:
		for i, item := range v {
			text, err := plainText(item)
			if err != nil {
				return nil, fmt.Errorf("item %d %w", i+1, err)
			}
			list = append(list, bare(text))
		}
	default:
		return nil, errors.New("wants a list")
	}
	return list, nil
}

func readNumber[T any](given any, kind string, parse func(string) (T, error)) (T, error) {
	v, err := parse(fmt.Sprint(given))
	if err != nil {
		return v, fmt.Errorf("%q is not %s", fmt.Sprint(given), kind)
	}
	return v, nil
}
