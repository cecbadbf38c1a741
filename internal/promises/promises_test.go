package promises_test

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/config"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files lists the tracked kinds of files below the root by their ending.
func files(t *testing.T, ending string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), ".git") {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ending) {
			rel, _ := filepath.Rel(root, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var tableRow = regexp.MustCompile("(?m)^\\| `([A-Z_]+)`( †)? \\| (?:`([a-z_.]+)`)? ?\\| (?:`([^`]*)`)? ?\\|")

func TestReadmeListsEverySetting(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, s := range config.Settings() {
		want = append(want, fmt.Sprint(s.Variable, " ", s.Key, " ", s.Default, " ", s.Secret))
	}
	for _, m := range tableRow.FindAllStringSubmatch(read(t, "README.md"), -1) {
		got = append(got, fmt.Sprint(m[1], " ", m[3], " ", m[4], " ", m[2] != ""))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings of the program and of the README (-program +README):\n%s", diff)
	}
}

// build makes the program once for all tests.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "syncer")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/syncer")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

var shown = regexp.MustCompile("(?m)(?:^(?:\\$ )?|`)(?:bin/)?syncer ([a-z]+)((?: [a-z]+)?)((?: --[a-z-]+)*)")

// Every command and flag that the docs show is one that the program has.
func TestCommandsInDocsExist(t *testing.T) {
	t.Parallel()
	binary := build(t)
	seen := 0
	for _, doc := range files(t, ".md") {
		if doc == "CHANGELOG.md" {
			continue
		}
		for _, m := range shown.FindAllStringSubmatch(read(t, doc), -1) {
			seen++
			args := append([]string{m[1]}, strings.Fields(m[2])...)
			out, err := exec.Command(binary, append(args, "--help")...).CombinedOutput()
			if err != nil || bytes.HasPrefix(out, []byte("syncer reads the image lists")) {
				t.Errorf("%s shows a command that the program has not: %s", doc, m[0])
			}
			for flag := range strings.FieldsSeq(m[3]) {
				if !bytes.Contains(out, []byte(flag+" ")) && !bytes.Contains(out, []byte(flag+"\n")) {
					t.Errorf("%s shows a flag that the command has not: %s", doc, m[0])
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d commands found in the docs", seen)
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

func TestLinksInDocsLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, doc := range files(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, path := range files(t, ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		documented[filepath.Dir(path)] = documented[filepath.Dir(path)] || file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no doc comment", dir)
		}
	}
}

// README promises two commands for a fresh machine, and make has them.
func TestReadmeHasTwoSetUpCommands(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(read(t, "README.md"), "## Two commands")
	section, _, _ = strings.Cut(section, "\n## ")
	commands := regexp.MustCompile(`(?m)^\$ make (\w+)`).FindAllStringSubmatch(section, -1)
	if len(commands) != 2 {
		t.Fatalf("%d set-up commands", len(commands))
	}
	for _, m := range commands {
		if !strings.Contains(read(t, "Makefile"), "\n"+m[1]+":") {
			t.Errorf("make %s does not exist", m[1])
		}
	}
}

var required = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)

// A dependency is a decision: each direct one has its line, and no line outlives its dependency.
func TestEveryDependencyHasItsLine(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/adr/0005-dependencies.md")
	direct := map[string]bool{}
	for _, m := range required.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		direct[m[1]] = true
		if !strings.Contains(page, "| `"+m[1]+"` |") {
			t.Errorf("%s has no line in docs/adr/0005-dependencies.md", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		if !direct[m[1]] {
			t.Errorf("docs/adr/0005-dependencies.md has a line for %s, which is not required", m[1])
		}
	}
}
