package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// print writes a command's result on standard output: as one JSON object, or as text writes it.
func (a *app) print(result any, text func(*printer)) error {
	if a.flags.output.value == outputJSON {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(result)
	}
	p := &printer{w: a.out, numbers: message.NewPrinter(language.English)}
	text(p)
	return p.err
}

// printer writes text for people: thousands separated, and nothing that a registry's names could do to a terminal.
type printer struct {
	w       io.Writer
	numbers *message.Printer
	err     error // the first
}

func (p *printer) write(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
}

// line writes a line; %d separates thousands.
func (p *printer) line(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = printable(text)
		}
	}
	p.write(p.numbers.Sprintf(format, args...) + "\n")
}

// table writes rows under a header. Numbers stand to the right.
func (p *printer) table(header []string, rows [][]any) {
	cells := make([][]string, 0, len(rows)+1)
	cells = append(cells, header)
	right := make([]int, len(header)) // width of columns of numbers
	for _, row := range rows {
		texts := make([]string, len(row))
		for i, value := range row {
			texts[i] = p.cell(value)
			switch value.(type) {
			case int, int64, *int64:
				right[i] = max(right[i], len(header[i]), len(texts[i]))
			}
		}
		cells = append(cells, texts)
	}
	tw := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range cells {
		for i, width := range right {
			if n := width - utf8.RuneCountInString(row[i]); n > 0 {
				row[i] = strings.Repeat(" ", n) + row[i]
			}
		}
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	if err := tw.Flush(); err != nil && p.err == nil {
		p.err = err
	}
}

// Write is for the table's writer; trailing blanks of the last column are not worth their bytes.
func (p *printer) Write(b []byte) (int, error) {
	p.write(string(b))
	return len(b), p.err
}

const timeLayout = "2006-01-02 15:04:05Z"

func (p *printer) cell(value any) string {
	switch v := value.(type) {
	case int, int64:
		return p.numbers.Sprintf("%d", v)
	case *int64:
		if v == nil {
			return "-"
		}
		return p.numbers.Sprintf("%d", *v)
	case time.Time:
		return v.UTC().Format(timeLayout)
	case *time.Time:
		if v == nil {
			return "-"
		}
		return v.UTC().Format(timeLayout)
	case *string:
		if v == nil || *v == "" {
			return "-"
		}
		return printable(shorten(*v))
	case string:
		if v == "" {
			return "-"
		}
		return printable(shorten(v))
	default:
		return printable(fmt.Sprint(v))
	}
}

// maxCell bounds a cell: reasons can be long, and JSON has them whole.
const maxCell = 100

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxCell {
		return string(runes[:maxCell-1]) + "…"
	}
	return text
}

// printable replaces what a terminal would act on: a name may hold escape sequences, or text that runs backwards.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, text)
}
