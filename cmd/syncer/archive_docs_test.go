package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"syncer/internal/archive"
)

// Every example of docs/archive.md is an archive that can be read.
func TestExamplesOfArchivesAreRead(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/archive.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```(json|csv)\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 5 {
		t.Fatalf("%d examples, want one of each form", len(examples))
	}
	dir := t.TempDir()
	for i, example := range examples {
		name := fmt.Sprintf("example%d.csv", i)
		if string(example[1]) == "json" {
			name = fmt.Sprintf("2026010%dT100000Z.ndjson", i+1)
		}
		if i == len(examples)-1 {
			name = "2026-01-01T10:00:00Z.json"
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, example[2], 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		opt := archive.Options{Source: "default", Repo: "web", Image: "nginx", Zone: time.UTC, Now: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
		for _, err := range archive.Read(file, opt) {
			if bad := (*archive.LineError)(nil); errors.As(err, &bad) || err != nil {
				t.Errorf("example %d: %v", i+1, err)
			}
			n++
		}
		if n == 0 {
			t.Errorf("example %d holds nothing", i+1)
		}
	}
}
