package console

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Unknown stands for a value that is not known.
const Unknown = "-"

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
	ellipsis           = "…"
)

// Printable returns text in one line that shows what it holds: whatever a terminal would act on, such as an escape sequence or an
// order to write backwards, is shown as its code, and a line's end is a blank. Joiners stay: families of emoji and the scripts of
// Iran and India are written with them.
func Printable(text string) string {
	var b strings.Builder
	blank := false
	for _, r := range text {
		ends := r == '\n' || r == '\r' || r == '\t' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
		switch {
		case ends && !blank:
			b.WriteByte(' ')
		case ends:
		case r == utf8.RuneError || unicode.IsGraphic(r) || r == zeroWidthJoiner || r == zeroWidthNonJoiner:
			b.WriteRune(r)
		default:
			code := strconv.QuoteRuneToASCII(r)
			b.WriteString(code[1 : len(code)-1])
		}
		blank = ends || r == ' '
	}
	return b.String()
}

// textWidth is how many columns of a terminal text takes.
func textWidth(text string) int { return uniseg.StringWidth(text) }

// Shorten leaves out the middle of text that is wider than that many columns: names of one kind begin alike, and often only their
// ends tell them apart.
func Shorten(text string, width int) string {
	if textWidth(text) <= width {
		return text
	}
	var parts []string // as a reader counts characters
	for rest, state := text, -1; rest != ""; {
		var part string
		part, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		parts = append(parts, part)
	}
	left := max(width-textWidth(ellipsis), 0)
	head, tail := 0, len(parts)
	for front := true; head < tail; front = !front {
		next := parts[head]
		if !front {
			next = parts[tail-1]
		}
		if left -= textWidth(next); left < 0 {
			break
		}
		if front {
			head++
		} else {
			tail--
		}
	}
	return strings.Join(parts[:head], "") + ellipsis + strings.Join(parts[tail:], "")
}

// wrap breaks text between words into lines of that many columns; 0 is no limit. A word that is wider has a line of its own.
func wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	for word := range strings.FieldsSeq(text) {
		if n := len(lines); n > 0 && textWidth(lines[n-1])+1+textWidth(word) <= width {
			lines[n-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// Thousands separates them by commas.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}
