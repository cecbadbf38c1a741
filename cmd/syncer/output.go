package main

import (
	"encoding/json"

	"syncer/internal/console"
)

// print writes a command's result on standard output: as one JSON object, or as text writes it.
func (a *app) print(result any, text func(*printer)) error {
	if a.flags.output.value == outputJSON {
		encoder := json.NewEncoder(a.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(result)
	}
	p := &printer{console.NewPrinter(a.out, a.outWidth)}
	text(p)
	return p.Err()
}

// printer writes a command's result for people.
type printer struct{ *console.Printer }

func (p *printer) write(text string) { p.Print(text) }

// line writes a line; %d separates thousands.
func (p *printer) line(format string, args ...any) { p.Line(format, args...) }

// kinds are those of the columns that are not plain, by title.
var kinds = map[string]console.Kind{
	"SOURCE": console.Common, "SHARD": console.Common, "REPO": console.Name, "IMAGE": console.Name, "ERROR": console.Below,
}

func (p *printer) table(header []string, rows [][]any) {
	columns := make([]console.Column, len(header))
	for i, title := range header {
		columns[i] = console.Column{Title: title, Kind: kinds[title]}
	}
	p.Table(columns, rows)
}
