package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is text that no output may hold. Every way to print it prints [redacted]; Reveal is the one way to its value.
type Secret struct{ value string }

// NewSecret keeps value secret.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value, for the place that must send it.
func (s Secret) Reveal() string { return s.value }

// IsZero tells whether there is no value.
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
