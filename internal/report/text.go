package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"syncer/internal/store"
)

// unknown stands for a value that is not known, in terminals and on the page.
const unknown = "-"

func isNumber(value any) bool {
	switch value.(type) {
	case int64, *int64, Percent:
		return true
	}
	return false
}

// textCell is a value for people.
func textCell(value any) string {
	switch v := value.(type) {
	case string:
		return orUnknown(printable(v))
	case *string:
		if v == nil {
			return unknown
		}
		return orUnknown(printable(*v))
	case int64:
		return thousands(v)
	case *int64:
		if v == nil {
			return unknown
		}
		return thousands(*v)
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04Z")
	case *time.Time:
		if v == nil {
			return unknown
		}
		return v.UTC().Format("2006-01-02 15:04Z")
	case Day:
		return time.Time(v).Format("2006-01-02 Mon")
	case Percent:
		return v.String()
	case series:
		return spark(v, sparkWidth)
	default:
		return printable(fmt.Sprint(v))
	}
}

func orUnknown(text string) string {
	if text == "" {
		return unknown
	}
	return text
}

// String is a growth with its sign; "new" when there was nothing before.
func (p Percent) String() string {
	switch {
	case p.New:
		return "new"
	case p.Value == nil:
		return unknown
	default:
		whole, frac, _ := strings.Cut(strconv.FormatFloat(*p.Value, 'f', 1, 64), ".")
		n, err := strconv.ParseInt(whole, 10, 64)
		if err != nil { // more digits than a count has
			return whole + "." + frac + " %"
		}
		text := thousands(n)
		if *p.Value < 0 && n == 0 {
			text = "-0"
		}
		if *p.Value > 0 {
			text = "+" + text
		}
		return text + "." + frac + " %"
	}
}

// thousands separates them by commas.
func thousands(n int64) string {
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

// printable replaces what a terminal would act on: names may hold escape sequences, or text that runs backwards.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// sparkWidth is how many columns a sparkline takes at most: the last 30 days are part of 31.
const sparkWidth = 31

// spark draws days with one character each, or with one for some days together when they are more than fit. A day on which
// nobody looked is a dot, not a low bar.
func spark(days []store.DayRow, width int) string {
	points := fold(days, width)
	top := int64(1)
	for _, p := range points {
		top = max(top, p.pulls)
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, p := range points {
		switch {
		case p.gap:
			b.WriteRune('·')
		case p.pulls == 0:
			b.WriteRune(levels[0])
		default: // any pull at all stands out from none
			b.WriteRune(levels[1+int(float64(p.pulls)/float64(top)*float64(len(levels)-2)+0.5)])
		}
	}
	return b.String()
}

type point struct {
	pulls int64
	gap   bool // nobody looked on any of its days
}

// fold puts neighbouring days together until they are at most width.
func fold(days []store.DayRow, width int) []point {
	each := max(1, (len(days)+width-1)/width)
	points := make([]point, 0, width)
	for i := 0; i < len(days); i += each {
		p := point{gap: true}
		for _, d := range days[i:min(i+each, len(days))] {
			p.gap = p.gap && d.Flag == flagGap
			if d.Pulls != nil {
				p.pulls += min(*d.Pulls, 1<<62-p.pulls) // hostile counts must not wrap around
			}
		}
		points = append(points, p)
	}
	return points
}
