package syncer

import (
	"fmt"
	"time"
)

// MaxSkew is how far our clock may differ from a registry's. What an answer was under way counts too.
const MaxSkew = time.Minute

// clockWarnings says of which registries the clock differs from ours, whose time every look bears.
func (r *Runner) clockWarnings() (warnings []string) {
	for _, lane := range r.lanes {
		skew, known := lane.Source.ClockSkew()
		if !known || skew.Abs() <= MaxSkew {
			continue
		}
		order := "behind"
		if skew < 0 { // the registry's clock is ahead by skew
			order = "ahead of"
		}
		warnings = append(warnings, fmt.Sprintf("this machine's clock is %s %s that of the registry of source %q, and what was seen bears its time: set it, by NTP",
			skew.Abs().Round(time.Second), order, lane.Source.Name()))
		r.opt.Logger.Warn("clock differs from the registry's", "source", lane.Source.Name(), "ours_is", order, "by", skew.Abs().Round(time.Second).String())
	}
	return warnings
}
