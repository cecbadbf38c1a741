//go:build unix && !aix && !solaris

package localpg

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// programFolders is where packages put the server programs: Debian and Ubuntu, Red Hat, Alpine, Homebrew on ARM and Intel.
// Debian keeps them off the PATH on purpose.
var programFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

// programs is one installed version of the server.
type programs struct {
	bin   string
	major int
}

func (p programs) path(name string) string { return filepath.Join(p.bin, name) }

// findPrograms returns the installation to use: that of the named folder and no other, else the one on PATH, else the newest of the
// known folders. A major other than 0 must be matched exactly, because a data folder can only be opened by the version that made it.
func findPrograms(ctx context.Context, folder string, major int) (programs, error) {
	if folder != "" {
		p, err := choosePrograms(ctx, []string{filepath.Join(folder, "initdb")}, nil, major)
		if err != nil {
			return p, fmt.Errorf("server programs in %s: %w", folder, err)
		}
		return p, nil
	}
	var first []string
	if p, err := exec.LookPath("initdb"); err == nil {
		first = append(first, p)
	}
	var others []string
	for _, pattern := range programFolders {
		found, _ := filepath.Glob(filepath.Join(pattern, "initdb")) // its only error is a bad pattern
		others = append(others, found...)
	}
	return choosePrograms(ctx, first, others, major)
}

// choosePrograms takes paths of initdb: those to try first and the rest, of which the newest counts.
func choosePrograms(ctx context.Context, first, others []string, major int) (programs, error) {
	installed := append(inspectAll(ctx, first), newestFirst(inspectAll(ctx, others))...)
	for _, p := range installed {
		if p.major == major || major == 0 && p.major >= oldestMajor {
			return p, nil
		}
	}
	var have []int
	for _, p := range installed {
		if !slices.Contains(have, p.major) {
			have = append(have, p.major)
		}
	}
	switch {
	case major != 0:
		return programs{}, fmt.Errorf("the data was made by PostgreSQL %d, this machine has %v: apt-get install postgresql-%[1]d", major, have)
	case len(have) > 0:
		return programs{}, fmt.Errorf("%w (found only %v)", ErrNoServer, have)
	}
	return programs{}, ErrNoServer
}

func newestFirst(ps []programs) []programs {
	slices.SortStableFunc(ps, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	return ps
}

func inspectAll(ctx context.Context, initdbs []string) []programs {
	var found []programs
	for _, path := range initdbs {
		if p, ok := inspect(ctx, path); ok {
			found = append(found, p)
		}
	}
	return found
}

var versionNumber = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// inspect follows links first: beside a link to initdb there need not be the server it belongs to.
func inspect(ctx context.Context, initdb string) (programs, bool) {
	target, err := filepath.EvalSymlinks(initdb)
	if err != nil {
		return programs{}, false
	}
	p := programs{bin: filepath.Dir(target)}
	cmd := exec.CommandContext(ctx, p.path("postgres"), "--version")
	cmd.Env, cmd.Dir = cleanEnv(), "/"
	out, err := cmd.Output()
	if err != nil {
		return programs{}, false
	}
	m := versionNumber.FindSubmatch(out)
	if m == nil {
		return programs{}, false
	}
	p.major, err = strconv.Atoi(string(m[1]))
	return p, err == nil
}

// cleanEnv keeps the caller's PG* and locale variables from changing what the programs do. They find each other by their own
// path; the PATH is for the shell and the program locale, by which initdb starts and asks.
func cleanEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}
