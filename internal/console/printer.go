package console

import (
	"fmt"
	"io"
	"time"
)

// Printer writes text for people. The first error stays.
type Printer struct {
	w     io.Writer
	width int
	err   error
}

// NewPrinter makes a printer for a terminal that many columns wide; 0: no terminal.
func NewPrinter(w io.Writer, width int) *Printer { return &Printer{w: w, width: width} }

// Err is the first error of writing.
func (p *Printer) Err() error { return p.err }

// Print writes text as it is.
func (p *Printer) Print(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
}

// Line writes a line; %d separates thousands, and strings are made printable.
func (p *Printer) Line(format string, args ...any) {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = Printable(v)
		case int:
			args[i] = number(v)
		case int64:
			args[i] = number(v)
		}
	}
	p.Print(fmt.Sprintf(format, args...) + "\n")
}

// Text writes sentences, in lines that fit the terminal.
func (p *Printer) Text(text string) {
	for _, line := range wrap(Printable(text), p.width) {
		p.Print(line + "\n")
	}
}

// number is written with thousands separated, whatever the verb.
type number int64

func (n number) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Thousands(int64(n))) }

const timeLayout = "2006-01-02 15:04:05Z"

// cell is a value of a table for people.
func cell(value any) string {
	switch v := value.(type) {
	case int:
		return Thousands(int64(v))
	case int64:
		return Thousands(v)
	case *int64:
		if v != nil {
			return Thousands(*v)
		}
	case time.Time:
		return v.UTC().Format(timeLayout)
	case *time.Time:
		if v != nil {
			return v.UTC().Format(timeLayout)
		}
	case *string:
		if v != nil && *v != "" {
			return Printable(*v)
		}
	case string:
		if v != "" {
			return Printable(v)
		}
	default:
		return Printable(fmt.Sprint(v))
	}
	return Unknown
}

// isNumber reports whether a value stands to the right of its column.
func isNumber(value any) bool {
	switch value.(type) {
	case int, int64, *int64, interface{ Number() }:
		return true
	}
	return false
}
