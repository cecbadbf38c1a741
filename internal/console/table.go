package console

import (
	"cmp"
	"slices"
	"strings"
)

// Column is a column of a table.
type Column struct {
	Title string
	Kind  Kind
}

// Kind is how a column makes room.
type Kind uint8

// The kinds.
const (
	Plain  Kind = iota
	Name        // long ones lose their middle where the terminal is too narrow
	Common      // left out when it is the same in every row; a Name else
	Below       // sentences: whole, under the table, with the names of their row
)

const (
	gap       = "  "
	minName   = 12 // columns that a name keeps on the narrowest terminal
	wideName  = 40 // where there is no terminal, a wider one is not waited for by the other rows
	wrapDepth = 2
)

// layout is a table whose cells are text.
type layout struct {
	columns []Column
	cells   [][]string // header first
	right   []bool
	width   []int
	ragged  bool // cells may be wider than their column
}

// Table writes rows under a header. Numbers stand to the right.
func (p *Printer) Table(columns []Column, rows [][]any) {
	t := &layout{columns: slices.Clone(columns), right: make([]bool, len(columns)), ragged: p.width <= 0}
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Title
	}
	t.cells = append(t.cells, header)
	for _, row := range rows {
		texts := make([]string, len(row))
		for i, value := range row {
			texts[i] = cell(value)
			t.right[i] = t.right[i] || isNumber(value)
		}
		t.cells = append(t.cells, texts)
	}
	notes := t.notes()
	common := t.leaveOut()
	t.measure(p.width)
	for _, row := range t.cells {
		p.Print(t.line(row) + "\n")
	}
	for _, note := range common {
		p.Print(note + "\n")
	}
	for _, note := range notes {
		for i, line := range wrap(note, p.width-wrapDepth) {
			p.Print(strings.Repeat(" ", wrapDepth*min(i, 1)) + line + "\n")
		}
	}
}

// notes are the sentences of each row, after what the row is about: its names, or its first column.
func (t *layout) notes() []string {
	var notes []string
	for i, c := range t.columns {
		if c.Kind != Below {
			continue
		}
		for _, row := range t.cells[1:] {
			if row[i] == Unknown {
				continue
			}
			var names []string
			for j, other := range t.columns {
				if other.Kind == Name || other.Kind == Common && !t.same(j) {
					names = append(names, row[j])
				}
			}
			about := strings.Join(names, "/")
			if len(names) == 0 {
				about = strings.ToLower(t.columns[0].Title) + " " + row[0]
			}
			notes = append(notes, about+": "+row[i])
		}
	}
	return notes
}

// same reports whether a column is the same in every row.
func (t *layout) same(column int) bool {
	return !slices.ContainsFunc(t.cells[1:], func(row []string) bool { return row[column] != t.cells[1][column] })
}

// usual are values that need no word when they are left out.
var usual = []string{"default", "0/1", Unknown}

// leaveOut removes columns that say nothing in their place, and returns what they said for all rows.
func (t *layout) leaveOut() (said []string) {
	for i, c := range slices.Backward(slices.Clone(t.columns)) {
		if c.Kind != Below && (c.Kind != Common || !t.same(i)) {
			continue
		}
		if c.Kind == Common && len(t.cells) > 1 && !slices.Contains(usual, t.cells[1][i]) {
			said = append(said, strings.ToLower(c.Title)+": "+t.cells[1][i])
		}
		t.columns = slices.Delete(t.columns, i, i+1)
		t.right = slices.Delete(t.right, i, i+1)
		for j := range t.cells {
			t.cells[j] = slices.Delete(t.cells[j], i, i+1)
		}
	}
	return said
}

// measure makes every column as wide as its cells, but names no wider than there is room for.
func (t *layout) measure(terminal int) {
	t.width = make([]int, len(t.columns))
	total := len(gap) * (len(t.columns) - 1)
	for i, c := range t.columns {
		for _, row := range t.cells {
			w := textWidth(row[i])
			if t.ragged && (c.Kind == Name || c.Kind == Common) && w > wideName {
				continue
			}
			t.width[i] = max(t.width[i], w)
		}
		total += t.width[i]
	}
	for ; !t.ragged && total > terminal; total-- {
		widest := t.widestName()
		if widest < 0 {
			return
		}
		t.width[widest]--
	}
}

// widestName is the column that gives way next; below 0: none can.
func (t *layout) widestName() int {
	names := make([]int, 0, len(t.columns))
	for i, c := range t.columns {
		if (c.Kind == Name || c.Kind == Common) && t.width[i] > minName {
			names = append(names, i)
		}
	}
	if len(names) == 0 {
		return -1
	}
	return slices.MaxFunc(names, func(a, b int) int { return cmp.Compare(t.width[a], t.width[b]) })
}

func (t *layout) line(row []string) string {
	var b strings.Builder
	for i, text := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		if !t.ragged {
			text = Shorten(text, t.width[i])
		}
		pad := strings.Repeat(" ", max(t.width[i]-textWidth(text), 0))
		if t.right[i] {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
