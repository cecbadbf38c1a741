package config

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"
)

const redacted = "[redacted]"

// Secret is text that no output may hold. Every way to print it prints [redacted]; Reveal is the one way to its value.
type Secret struct{ value string }

// NewSecret keeps value secret.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the place that must send it.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == "" }

// Equal compares values, so that tests can.
func (s Secret) Equal(o Secret) bool { return s == o }

// String hides the value.
func (s Secret) String() string { return redacted }

// Format hides the value from every verb of fmt; %#v and %d would look into the struct otherwise.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value from encoders: JSON, YAML, text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// bare is a value without what editors, shells, env files and word processors leave around it: blanks, newlines, a byte order mark,
// and quotes, which belong to no value.
func bare(value string) string {
	for {
		before := value
		value = strings.TrimFunc(value, func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune("\ufeff\u200b\u200c\u200d\u2060\x00", r)
		})
		for _, pair := range [][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"}, {"「", "」"}} {
			if inner, ok := strings.CutPrefix(value, pair[0]); ok {
				// "a","b" is a list of two, and not one value in quotes.
				if inner, ok = strings.CutSuffix(inner, pair[1]); ok && !strings.Contains(inner, pair[1]) {
					value = inner
				}
			}
		}
		if value == before {
			return value
		}
	}
}
