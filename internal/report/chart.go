package report

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"syncer/internal/console"
	"syncer/internal/store"
)

// Geometry of the charts, in the units of their own coordinates; the page scales them.
const (
	chartWidth, chartHeight = 720.0, 220.0
	chartLeft, chartBottom  = 48.0, 24.0
	chartTop                = 10.0
	sparkLong, sparkHigh    = 150.0, 28.0
)

// bar is one day of a chart.
type bar struct {
	X, Y, W, H float64
	Class      string
	Tip        string
}

// tick is a labelled place on an axis.
type tick struct {
	At   float64
	Text string
}

// chart is what a template draws.
type chart struct {
	Width, Height         float64
	Left, Top, Base       float64 // the plot's left, top and bottom edge
	Bars, Gaps            []bar
	Across, Up            []tick
	Gapped, Rough, Begins bool // there are days without a look, estimated days, a day that is not over
}

// newBarChart draws days as bars. A day on which nobody looked is hatched over its whole height: what is drawn in it was not seen.
func newBarChart(days []store.DayRow) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Top: chartTop, Base: chartHeight - chartBottom}
	ceiling := niceCeiling(highest(days))
	c.draw(days, float64(ceiling))
	for i := range 5 {
		value := ceiling / 4 * float64(i)
		c.Up = append(c.Up, tick{c.Base - (c.Base-c.Top)*float64(i)/4, short(value)})
	}
	// As many dates as can be read side by side.
	every := max(1, (len(days)+7)/8)
	slot := (c.Width - c.Left) / float64(max(len(days), 1))
	for i := 0; i < len(days); i += every {
		c.Across = append(c.Across, tick{c.Left + slot*(float64(i)+0.5), days[i].Day.Format("2 Jan")})
	}
	return c
}

// newSparkline draws days as small as a word.
func newSparkline(days []store.DayRow) chart {
	c := chart{Width: sparkLong, Height: sparkHigh, Base: sparkHigh}
	c.draw(days, highest(days))
	return c
}

func (c *chart) draw(days []store.DayRow, ceiling float64) {
	slot := (c.Width - c.Left) / float64(max(len(days), 1))
	gutter := math.Min(2, slot/5)
	for i, d := range days {
		b := bar{X: c.Left + slot*float64(i), W: slot - gutter, Class: d.Flag, Tip: tip(d)}
		c.Rough = c.Rough || d.Flag == flagEstimated
		c.Begins = c.Begins || d.Flag == flagPartial
		if d.Flag == flagGap {
			c.Gapped = true
			c.Gaps = append(c.Gaps, bar{X: b.X, Y: c.Top, W: slot, H: c.Base - c.Top, Tip: b.Tip})
		}
		if d.Pulls != nil && *d.Pulls > 0 {
			b.H = math.Max((c.Base-c.Top)*float64(*d.Pulls)/ceiling, 1)
			b.Y = c.Base - b.H
			c.Bars = append(c.Bars, b)
		}
	}
}

func tip(d store.DayRow) string {
	day := d.Day.Format("Mon 2 Jan 2006")
	pulls := "pulls not known"
	if d.Pulls != nil {
		pulls = console.Thousands(*d.Pulls) + " pulls"
	}
	switch d.Flag {
	case flagGap:
		return day + ": nobody looked; " + pulls + " by the looks around"
	case flagPartial:
		return day + ": " + pulls + " so far"
	case flagEstimated:
		return day + ": about " + pulls
	default:
		return day + ": " + pulls
	}
}

func highest(days []store.DayRow) float64 {
	top := 1.0
	for _, d := range days {
		if d.Pulls != nil {
			top = math.Max(top, float64(*d.Pulls))
		}
	}
	return top
}

// niceCeiling is the first of 4, 8, 12, 16, 20, 24, 32, 40, 80 ... that is not below the value: its quarters are easily read.
func niceCeiling(value float64) float64 {
	for scale := 1.0; ; scale *= 10 {
		for _, step := range []float64{4, 8, 12, 16, 20, 24, 32} {
			if step*scale >= value {
				return step * scale
			}
		}
	}
}

// short is a number for an axis.
func short(value float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if value >= unit.size {
			return strconv.FormatFloat(value/unit.size, 'f', -1, 64) + unit.name
		}
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}

// Summary says in words what the chart shows, for those who cannot see it.
func (p *Page) Summary() string {
	var best store.DayRow
	for _, d := range p.Days {
		if d.Pulls != nil && (best.Pulls == nil || *d.Pulls > *best.Pulls) {
			best = d
		}
	}
	text := fmt.Sprintf("Pulls per day over %d days: %s in all", len(p.Days), console.Thousands(p.Total.Pulls))
	if best.Pulls != nil {
		text += fmt.Sprintf(", most of them, %s, on %s", console.Thousands(*best.Pulls), best.Day.Format(time.DateOnly))
	}
	return fmt.Sprintf("%s; %d days without a look.", text, p.Total.GapDays)
}
