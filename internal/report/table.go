package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"syncer/internal/store"
)

// Table is a report in a form that every format can be made of.
type Table struct {
	Name    string // of the report, for programs
	Title   string // for people
	Columns []Column
	Rows    [][]any  // string, int64, float64, pointers to them, time.Time, *time.Time, Day, Percent, series
	Notes   []string // for people, under the table
}

// Column is a column of a Table.
type Column struct {
	Key   string // for programs
	Title string // for people
}

// Day is a calendar day; midnight UTC stands for it.
type Day time.Time

// Percent is a growth; Value is nil when there is too little to speak of percents.
type Percent struct {
	Value *float64
	New   bool // there was nothing before
}

// series are the days of a sparkline.
type series []store.DayRow

// Formats of a table.
const (
	FormatTable = "table"
	FormatCSV   = "csv"
	FormatJSON  = "json"
)

// Write writes the table in one of the formats.
func (t *Table) Write(w io.Writer, format string) error {
	switch format {
	case FormatTable:
		return t.text(w)
	case FormatCSV:
		return t.csv(w)
	case FormatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(t)
	}
	return fmt.Errorf("%w: format %q is none of table, csv and json", ErrQuery, format)
}

func (t *Table) text(w io.Writer) error {
	lines := make([][]string, 0, len(t.Rows)+1)
	header := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		header[i] = strings.ToUpper(c.Title)
	}
	lines = append(lines, header)
	right := make([]bool, len(t.Columns))
	for _, row := range t.Rows {
		line := make([]string, len(row))
		for i, value := range row {
			line[i] = textCell(value)
			right[i] = right[i] || isNumber(value)
		}
		lines = append(lines, line)
	}
	width := make([]int, len(t.Columns))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], uniseg.StringWidth(cell))
		}
	}
	var b strings.Builder
	b.WriteString(printable(t.Title) + "\n\n")
	for _, line := range lines {
		b.WriteString(align(line, width, right) + "\n")
	}
	for _, note := range t.Notes {
		b.WriteString("\n" + printable(note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func align(line []string, width []int, right []bool) string {
	var b strings.Builder
	for i, cell := range line {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", width[i]-uniseg.StringWidth(cell))
		if right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func (t *Table) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	var header []string
	drawn := map[int]bool{} // columns that are for the eye only
	for i, c := range t.Columns {
		if len(t.Rows) > 0 {
			_, drawn[i] = t.Rows[0][i].(series)
		}
		if !drawn[i] {
			header = append(header, c.Key)
		}
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, row := range t.Rows {
		var record []string
		for i, value := range row {
			if !drawn[i] {
				record = append(record, plainCell(value))
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// plainCell is a value for programs; what is not known is empty.
func plainCell(value any) string {
	switch v := jsonValue(value).(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// MarshalJSON makes one object; the keys of a row keep the order of the columns.
func (t *Table) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"report":%q,"rows":[`, t.Name)
	for i, row := range t.Rows {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, value := range row {
			text, err := json.Marshal(jsonValue(value))
			if err != nil {
				return nil, fmt.Errorf("encode %s: %w", t.Columns[j].Key, err)
			}
			b.WriteByte("{,"[min(j, 1)])
			fmt.Fprintf(&b, "%q:%s", t.Columns[j].Key, text)
		}
		b.WriteByte('}')
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}

func jsonValue(value any) any {
	switch v := value.(type) {
	case *string:
		return deref(v)
	case *int64:
		return deref(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case *time.Time:
		if v == nil {
			return nil
		}
		return v.UTC().Format(time.RFC3339)
	case Day:
		return time.Time(v).Format(time.DateOnly)
	case Percent:
		return deref(v.Value)
	case series:
		pulls := make([]*int64, len(v))
		for i, d := range v {
			pulls[i] = d.Pulls
		}
		return pulls
	default:
		return value
	}
}

// deref is the value behind a pointer, or a nil that is nothing else.
func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
