package promises_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is what the go command and the compiler know of the packages of this module and of all that they import.
type module struct {
	fset     *token.FileSet
	packages map[string]goPackage // by the path that `go list` gives
	imports  types.Importer
}

// goPackage is a package as `go list -json` prints it.
type goPackage struct {
	ImportPath, Name, Dir, Export      string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// checked is a package with the types of all that stands in it.
type checked struct {
	files []*ast.File
	types *types.Package
	info  types.Info
}

func loadModule(t *testing.T) *module {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	m := &module{fset: token.NewFileSet(), packages: map[string]goPackage{}}
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		m.packages[p.ImportPath] = p
	}
	m.imports = importer.ForCompiler(m.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(m.packages[path].Export)
	})
	return m
}

// own are the packages of this module.
func (m *module) own() []string {
	var list []string
	for path := range m.packages {
		if strings.HasPrefix(path, "syncer/") {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// check type-checks a package's files, without those of its tests.
func (m *module) check(t *testing.T, path string) checked {
	t.Helper()
	p, ok := m.packages[path]
	if !ok {
		t.Fatalf("no package %s", path)
	}
	var c checked
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(m.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		c.files = append(c.files, file)
	}
	c.info = types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: m.imports}
	var err error
	if c.types, err = config.Check(p.ImportPath, m.fset, c.files, &c.info); err != nil {
		t.Fatal(err)
	}
	return c
}

// fileOf is the name of the file, without its folder, that holds a position.
func (m *module) fileOf(at token.Pos) string { return filepath.Base(m.fset.Position(at).Filename) }
