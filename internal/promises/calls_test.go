package promises_test

import (
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// circular are the files that call each other, by package, each with the reason why they do. All other files stand in floors:
// what a file calls leads nowhere back to it.
var circular = map[string]map[string]string{
	"cmd/syncer": because(map[string]string{
		"every command adds itself to root.go, and two of them use needsSubcommand of it": "root.go migrate.go report.go",
		"reports are read, shown and written in commands of each other":                   "demo.go demo_reports.go export.go report_html.go status.go",
		"a run on a schedule and the daemon that has it start each other":                 "daemon.go run.go",
	}),
	"internal/store": because(map[string]string{
		"a run is claimed, applied and recorded by methods that share claims and months": "apply.go apply_repo.go claim.go held.go leave.go record.go transact.go",
		"an image is written by a method of the export that reads it":                    "export.go export_image.go",
		"a pool is opened by what turns the server's errors into its own":                "session.go store.go",
	}),
}

// because turns reasons with the files they explain into files with their reasons.
func because(reasons map[string]string) map[string]string {
	files := map[string]string{}
	for reason, names := range reasons {
		for name := range strings.FieldsSeq(names) {
			files[name] = reason
		}
	}
	return files
}

// TestCallsBetweenFilesGoOneWay draws who calls whom among the files of a package: a file calls another when it names a function
// or a method that is declared there.
func TestCallsBetweenFilesGoOneWay(t *testing.T) {
	t.Parallel()
	m := loadModule(t)
	for _, dir := range []string{
		"cmd/syncer", "internal/fetch", "internal/replay", "internal/store", "internal/syncer", "internal/walk", "internal/wire",
	} {
		calls := m.fileCalls(t, "syncer/"+dir)
		seen := map[string]bool{}
		for _, circle := range circles(calls) {
			explained := true
			for _, file := range circle {
				seen[file] = true
				explained = explained && circular[dir][file] != ""
			}
			if !explained {
				t.Errorf("%s: these files call each other: %s%s", dir, strings.Join(circle, " "), arrows(calls, circle))
			}
		}
		for _, file := range slices.Sorted(maps.Keys(circular[dir])) {
			if !seen[file] {
				t.Errorf("%s: %s calls one way: take it out of the exceptions", dir, file)
			}
		}
	}
}

func TestCircles(t *testing.T) {
	t.Parallel()
	calls := fileCalls{"a": {"b": {"f"}}, "b": {"c": {"f"}}, "c": {"b": {"g"}, "d": {"f"}}, "d": {}}
	if got := fmt.Sprint(circles(calls)); got != "[[b c]]" {
		t.Errorf("got %s, want [[b c]]", got)
	}
}

// fileCalls is, by the file that calls and the file called, the names of the functions.
type fileCalls map[string]map[string][]string

func (m *module) fileCalls(t *testing.T, path string) fileCalls {
	t.Helper()
	pkg := m.check(t, path)
	calls := fileCalls{}
	for _, file := range pkg.files {
		from := m.fileOf(file.Package)
		calls[from] = map[string][]string{}
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			used, ok := pkg.info.Uses[id].(*types.Func)
			if !ok || used.Pkg() != pkg.types || isInterfaceMethod(used) {
				return true
			}
			if to := m.fileOf(used.Pos()); to != from {
				calls[from][to] = append(calls[from][to], id.Name)
			}
			return true
		})
	}
	return calls
}

func isInterfaceMethod(f *types.Func) bool {
	recv := f.Signature().Recv()
	return recv != nil && types.IsInterface(recv.Type())
}

// circles are the groups of files of which each leads to each other.
func circles(calls fileCalls) [][]string {
	reach := map[string]map[string]bool{}
	var follow func(start, at string)
	follow = func(start, at string) {
		for next := range calls[at] {
			if !reach[start][next] {
				reach[start][next] = true
				follow(start, next)
			}
		}
	}
	for file := range calls {
		reach[file] = map[string]bool{}
		follow(file, file)
	}
	var all [][]string
	done := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(calls)) {
		if done[file] || !reach[file][file] {
			continue
		}
		var circle []string
		for _, other := range slices.Sorted(maps.Keys(calls)) {
			if reach[file][other] && reach[other][file] {
				circle = append(circle, other)
				done[other] = true
			}
		}
		all = append(all, circle)
	}
	return all
}

// arrows lists who calls what within a circle.
func arrows(calls fileCalls, circle []string) string {
	var b strings.Builder
	for _, from := range circle {
		for _, to := range circle {
			if names := slices.Sorted(slices.Values(calls[from][to])); len(names) > 0 {
				fmt.Fprintf(&b, "\n\t%s -> %s: %s", from, to, strings.Join(slices.Compact(names), " "))
			}
		}
	}
	return b.String()
}
