package main

import (
	"os"
	"strconv"

	"golang.org/x/term"
)

// terminalWidth is how many columns a stream has: what COLUMNS says, or else the terminal; 0 when it is none.
func terminalWidth(stream *os.File, lookup func(string) (string, bool)) int {
	columns, _ := lookup("COLUMNS")
	if n, err := strconv.Atoi(columns); err == nil && n > 0 {
		return n
	}
	width, _, err := term.GetSize(int(stream.Fd()))
	if err != nil {
		return 0
	}
	return width
}
