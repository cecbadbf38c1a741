package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"syncer/internal/console"
	"syncer/internal/store"
)

// unknown stands for a value that is not known, in terminals and on the page.
const unknown = console.Unknown

// textCell is a value for people.
func textCell(value any) string {
	switch v := textValue(value).(type) {
	case string:
		return orUnknown(console.Printable(v))
	case *string:
		if v == nil {
			return unknown
		}
		return orUnknown(console.Printable(*v))
	case int64:
		return console.Thousands(v)
	case *int64:
		if v == nil {
			return unknown
		}
		return console.Thousands(*v)
	default:
		return console.Printable(fmt.Sprint(v))
	}
}

// textValue is a value in a form that a table of the console knows.
func textValue(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04Z")
	case *time.Time:
		if v == nil {
			return unknown
		}
		return v.UTC().Format("2006-01-02 15:04Z")
	case calendarDay:
		return time.Time(v).Format("2006-01-02 Mon")
	case series:
		return spark(v, sparkWidth)
	default:
		return value
	}
}

func orUnknown(text string) string {
	if text == "" {
		return unknown
	}
	return text
}

// String is a growth with its sign; "new" when there was nothing before.
func (p percent) String() string {
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
		text := console.Thousands(n)
		if *p.Value < 0 && n == 0 {
			text = "-0"
		}
		if *p.Value > 0 {
			text = "+" + text
		}
		return text + "." + frac + " %"
	}
}

// Number makes growths stand to the right.
func (p percent) Number() {}

// sparkWidth is how many columns a sparkline takes at most: a day each of the usual span.
const sparkWidth = defaultDays

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
