package promises_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// helpers are the packages that tests are among the users of.
var helpers = []string{"syncer/internal/fakeapi", "syncer/internal/fakeapi/faults", "syncer/internal/demo", "syncer/internal/pgtest"}

// unused are exported names that no other package uses, each with the reason why it stays.
var unused = map[string]string{
	"syncer/internal/archive.Read":          "reads one file; tests of it and of the docs do",
	"syncer/internal/archive.Stdin":         "what users write for the standard input; Open hands it on",
	"syncer/internal/config.NewSecret":      "tests of other packages make configurations",
	"syncer/internal/console.Shorten":       "the rule for what does not fit a column has a test of its own",
	"syncer/internal/fakeapi.Drift":         "the ready hook for tests of a list that moves",
	"syncer/internal/localpg.ErrNoServer":   "tests of pgtest ask for it",
	"syncer/internal/report.Names":          "the tests make every report",
	"syncer/internal/schedule.TimeoutError": "the cause of a context that a run is handed",
}

// TestExportedNamesHaveUsers holds every exported function, type, constant and variable to a user in another package. Who uses a
// function or a type uses the types in its signature, its exported fields and methods; who uses a constant uses its group.
func TestExportedNamesHaveUsers(t *testing.T) {
	t.Parallel()
	m := loadModule(t)
	u := users{}
	var exported []types.Object
	var groups [][]string
	for _, path := range m.own() {
		c := m.check(t, path)
		for _, name := range c.types.Scope().Names() {
			if ast.IsExported(name) && c.types.Name() != "main" {
				exported = append(exported, c.types.Scope().Lookup(name))
			}
		}
		for _, object := range c.info.Uses {
			if pkg := object.Pkg(); pkg != nil && pkg != c.types && object.Parent() == pkg.Scope() {
				u.use(object)
			}
		}
		groups = append(groups, constants(c)...)
		p := m.packages[path]
		for _, file := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			m.usedByTest(t, filepath.Join(p.Dir, file), u)
		}
	}
	for _, object := range exported { // what only tests use is known by its name alone until here
		if u[nameOf(object)] {
			u.useType(object.Type())
		}
	}
	for _, object := range exported {
		if named, ok := object.Type().(*types.Named); ok && u[nameOf(named.Obj())] {
			if _, ok := object.(*types.Const); ok { // a value of a type that is used
				u[nameOf(object)] = true
			}
		}
	}
	for _, group := range groups {
		if slices.ContainsFunc(group, func(name string) bool { return u[name] }) {
			for _, name := range group {
				u[name] = true
			}
		}
	}
	for _, object := range exported {
		switch name := nameOf(object); {
		case !u[name] && unused[name] == "":
			t.Errorf("%s has no user in another package: it should not be exported", name)
		case u[name] && unused[name] != "":
			t.Errorf("%s has a user: take it out of the exceptions", name)
		}
	}
	if len(exported) < 100 {
		t.Errorf("only %d exported names were found", len(exported))
	}
}

// users are the names of this module that other packages use.
type users map[string]bool

func nameOf(object types.Object) string {
	if object.Pkg() == nil { // error, any
		return object.Name()
	}
	return object.Pkg().Path() + "." + object.Name()
}

func (u users) use(object types.Object) {
	if strings.HasPrefix(nameOf(object), "syncer/") && !u[nameOf(object)] {
		u[nameOf(object)] = true
		u.useType(object.Type())
	}
}

// useType uses the types that users of t can see.
func (u users) useType(t types.Type) {
	switch t := t.(type) {
	case *types.Named:
		if name := nameOf(t.Obj()); u[name+" seen"] || !strings.HasPrefix(name, "syncer/") {
			return
		}
		u[nameOf(t.Obj())], u[nameOf(t.Obj())+" seen"] = true, true
		u.useType(t.Underlying())
		for method := range t.Methods() {
			if method.Exported() {
				u.useType(method.Type())
			}
		}
	case *types.Signature:
		for v := range t.Params().Variables() {
			u.useType(v.Type())
		}
		for v := range t.Results().Variables() {
			u.useType(v.Type())
		}
	case *types.Struct:
		for field := range t.Fields() {
			if field.Exported() {
				u.useType(field.Type())
			}
		}
	case *types.Interface:
		for method := range t.Methods() {
			u.useType(method.Type())
		}
	case *types.Map:
		u.useType(t.Key())
		u.useType(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		u.useType(t.Elem())
	}
}

// constants are the names of constants that are declared together.
func constants(c checked) [][]string {
	var groups [][]string
	for _, file := range c.files {
		for _, decl := range file.Decls {
			block, ok := decl.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			var group []string
			for _, spec := range block.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					group = append(group, c.types.Path()+"."+id.Name)
				}
			}
			groups = append(groups, group)
		}
	}
	return groups
}

// usedByTest notes the names of helpers that a test file uses.
func (m *module) usedByTest(t *testing.T, path string, u users) {
	t.Helper()
	file, err := parser.ParseFile(m.fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]string{} // by the name in the file
	for _, spec := range file.Imports {
		if from, err := strconv.Unquote(spec.Path.Value); err == nil && slices.Contains(helpers, from) {
			imported[from[strings.LastIndex(from, "/")+1:]] = from
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && imported[x.Name] != "" {
				u[imported[x.Name]+"."+s.Sel.Name] = true
			}
		}
		return true
	})
}
