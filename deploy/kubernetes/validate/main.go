// Command validate checks Kubernetes manifests the way an API server does, without one: it decodes them strictly, so that a
// misspelt field is a fault, fills in the defaults, runs Kubernetes' own validation, and holds every pod to the restricted pod
// security standard.
//
//	kubectl kustomize deploy/kubernetes/overlays/prod | go run .
//	go run . FILE...
//
// It is a module of its own because k8s.io/kubernetes is larger than all of syncer.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(paths []string, in io.Reader, out io.Writer) error {
	if len(paths) == 0 {
		return checkAll("standard input", in, out)
	}
	var errs []error
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, checkAll(path, file, out), file.Close())
	}
	return errors.Join(errs...)
}

// checkAll checks every document of a stream and says how many there were.
func checkAll(name string, in io.Reader, out io.Writer) error {
	var errs []error
	documents := utilyaml.NewYAMLReader(bufio.NewReader(in))
	n := 0
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		n++
		if err := check(document); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if n == 0 {
		errs = append(errs, fmt.Errorf("%s: no manifest in it", name))
	}
	if len(errs) == 0 {
		fmt.Fprintf(out, "%s: %d manifests are valid\n", name, n)
	}
	return errors.Join(errs...)
}
