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

	"syncer/internal/console"
	"syncer/internal/store"
)

// Table is a report in a form that every format can be made of.
type Table struct {
	Name    string // of the report, for programs
	Title   string // for people
	Columns []Column
	Rows    [][]any  // string, int64, float64, pointers to them, time.Time, *time.Time, calendarDay, percent, series
	Notes   []string // for people, under the table
}

// Column is a column of a Table.
type Column struct {
	Key   string // for programs
	Title string // for people
}

// calendarDay is a day; midnight UTC stands for it.
type calendarDay time.Time

// percent is a growth; Value is nil when there is too little to speak of percents.
type percent struct {
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

// Write writes the table in one of the formats. width is that of the terminal, for people; 0: none.
func (t *Table) Write(w io.Writer, format string, width int) error {
	switch format {
	case FormatTable:
		return t.text(w, width)
	case FormatCSV:
		return t.csv(w)
	case FormatJSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(t)
	}
	return fmt.Errorf("%w: format %q is none of table, csv and json", ErrQuery, format)
}

func (t *Table) text(w io.Writer, width int) error {
	columns := make([]console.Column, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = console.Column{Title: strings.ToUpper(c.Title), Kind: kinds[c.Key]}
	}
	rows := make([][]any, len(t.Rows))
	for i, row := range t.Rows {
		for _, value := range row {
			rows[i] = append(rows[i], textValue(value))
		}
	}
	p := console.NewPrinter(w, width)
	p.Line("%s\n", t.Title)
	p.Table(columns, rows)
	for _, note := range t.Notes {
		p.Line("")
		p.Text(note)
	}
	return p.Err()
}

// kinds are those of the columns that are not plain, by key.
var kinds = map[string]console.Kind{
	"source": console.Common, "repo": console.Name, "image": console.Name, "latest_tag": console.Name, "old_value": console.Name,
	"new_value": console.Name, "last_error": console.Below,
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
	case calendarDay:
		return time.Time(v).Format(time.DateOnly)
	case percent:
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
