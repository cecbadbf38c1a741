package fakeapi

import (
	"strconv"
	"strings"
	"time"
)

// The fields that come in many forms.

func (e *encoder) code(ref *refusal) {
	code := 0
	if ref != nil {
		code = ref.code
	}
	text := strconv.Itoa(code)
	switch e.wire.Codes {
	case CodeMissing:
		return
	case CodeString:
		text = strconv.Quote(text)
	case CodeFloat:
		text += ".0"
	}
	e.key("RetCode")
	e.raw(text)
}

func (e *encoder) total(a *answer, request int) {
	n := a.total
	switch e.wire.Totals {
	case TotalMissing:
		return
	case TotalZero:
		n = 0
	case TotalSmall:
		n /= 2
	case TotalBig:
		n += 1000
	case TotalPage:
		n = a.rows()
	case TotalChanging:
		n += request % 2
	}
	text := strconv.Itoa(n)
	switch e.wire.Totals {
	case TotalString:
		text = strconv.Quote(text)
	case TotalNull:
		text = "null"
	}
	e.key("TotalCount")
	e.raw(text)
}

func (e *encoder) count(n int64) {
	text := strconv.FormatInt(n, 10)
	switch e.wire.Counts {
	case CountMissing:
		return
	case CountString:
		text = strconv.Quote(text)
	case CountFloat:
		text += ".0"
	case CountExponent:
		text = exponent(text)
	case CountNull:
		text = "null"
	case CountNegative:
		text = strconv.FormatInt(min(-1, -n), 10)
	case CountText:
		text = `"many"`
	}
	e.key("PullCount")
	e.raw(text)
}

func (e *encoder) time(name string, t time.Time) {
	if e.wire.Times == TimeMissing {
		return
	}
	e.key(name)
	e.raw(e.wire.time(t))
}

func (w Wire) time(t time.Time) string {
	seconds := strconv.FormatInt(t.Unix(), 10)
	switch w.Times {
	case TimeInt:
		return seconds
	case TimeMillis:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case TimeMillisText:
		return strconv.Quote(strconv.FormatInt(t.UnixMilli(), 10))
	case TimeExponent:
		return exponent(seconds)
	case TimeText:
		zone := w.Zone
		if zone == nil {
			zone = cst
		}
		return strconv.Quote(t.In(zone).Format(time.DateTime))
	case TimeRFC3339:
		return strconv.Quote(t.UTC().Format(time.RFC3339))
	case TimeZero:
		return "0"
	case TimeEmpty:
		return `""`
	case TimeNull:
		return "null"
	case TimeGarbage:
		return `"yesterday"`
	default:
		return `"` + seconds + `"`
	}
}

// exponent writes an integer in scientific notation with all its digits.
func exponent(digits string) string {
	sign := ""
	if rest, ok := strings.CutPrefix(digits, "-"); ok {
		sign, digits = "-", rest
	}
	power := strconv.Itoa(len(digits) - 1)
	mantissa := digits[:1]
	if rest := strings.TrimRight(digits[1:], "0"); rest != "" {
		mantissa += "." + rest
	}
	return sign + mantissa + "e" + power
}

func (e *encoder) tag(tag string) {
	text := ""
	switch e.wire.Tags {
	case TagMissing:
		return
	case TagEmpty:
		text = `""`
	case TagNull:
		text = "null"
	case TagNumber:
		text = "1.0"
	}
	e.key("LatestTag")
	if text == "" {
		e.text(tag)
		return
	}
	e.raw(text)
}

func (e *encoder) flag(name string, on bool) {
	yes, no := `"true"`, `"false"`
	switch e.wire.Flags {
	case FlagMissing:
		return
	case FlagBool:
		yes, no = "true", "false"
	case FlagInt:
		yes, no = "1", "0"
	case FlagTypo:
		yes = `"ture"`
	}
	e.key(name)
	if on {
		e.raw(yes)
	} else {
		e.raw(no)
	}
}
