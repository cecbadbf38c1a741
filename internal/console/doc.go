// Package console is what commands print with: lines and tables for people, of text that others chose.
//
// A name comes from a registry and an error from anywhere, so nothing of either reaches a terminal as a command. A table knows how
// wide the terminal is; where there is none, nothing is shortened.
package console
