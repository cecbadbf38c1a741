package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBill compares the bill of the program with what the go command says of it.
func TestBill(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "syncer")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "syncer/cmd/syncer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var out, complaints bytes.Buffer
	if code := run([]string{program}, &out, &complaints); code != 0 {
		t.Fatalf("%d: %s", code, &complaints)
	}
	var doc document
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command("go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(said)) {
		if f := strings.Fields(line); f[0] == "dep" {
			want = append(want, f[1]+" "+f[2]+" go.sum "+f[3])
		}
	}
	ids := map[string]bool{}
	for _, p := range doc.Packages {
		ids[p.SPDXID] = true
		if strings.HasPrefix(p.SPDXID, "SPDXRef-module") {
			got = append(got, p.Name+" "+p.VersionInfo+" "+p.SourceInfo)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "github.com/jackc/pgx/v5 v5.") }) {
		t.Errorf("modules (-go version -m +bill):\n%s", diff)
	}
	if len(ids) != len(want)+2 || len(doc.Relationships) != len(ids) || !ids["SPDXRef-program"] || !ids["SPDXRef-stdlib"] {
		t.Errorf("%d modules, %d packages of distinct names, %d relationships", len(want), len(ids), len(doc.Relationships))
	}
}

func TestNoGoProgram(t *testing.T) {
	t.Parallel()
	for want, args := range map[int][]string{1: {"main.go"}, 2: nil} {
		var out, complaints bytes.Buffer
		if code := run(args, &out, &complaints); code != want || complaints.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: code %d, %q", args, code, &complaints)
		}
	}
}
