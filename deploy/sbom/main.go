// Command sbom prints what a Go program is made of, as the build wrote it into the program: a bill of materials in the form of
// SPDX 2.3 (JSON).
//
//	go run ./deploy/sbom dist/syncer-linux-amd64 > dist/syncer-linux-amd64.spdx.json
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "usage: sbom PROGRAM")
		return 2
	}
	doc, err := describe(args[0])
	if err == nil {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(doc)
	}
	if err != nil {
		fmt.Fprintln(stderr, "sbom:", err)
		return 1
	}
	return 0
}
