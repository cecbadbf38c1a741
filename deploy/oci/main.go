// Command oci makes a container image without a Docker engine: an OCI image layout of Go programs, one for each platform, with
// their bills of materials.
//
//	go run . -o ../../dist/oci ../../dist/syncer-linux-amd64 ../../dist/syncer-linux-arm64
//
// Beside each program it writes its bill of materials, PROGRAM.cdx.json, which is in the layout too. What it writes depends on the
// programs and on this module alone, so that everybody who builds them gets the same digest, which it prints.
//
// It is a module of its own because what it imports is larger than all of syncer.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("oci", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("o", "", "`folder` of the layout, which must not exist")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *dir == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: oci -o FOLDER PROGRAM...")
		return 2
	}
	digest, err := write(*dir, flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "oci:", err)
		return 1
	}
	fmt.Fprintln(stdout, digest)
	return 0
}
