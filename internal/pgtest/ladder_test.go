package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"syncer/internal/localpg"
)

func lookup(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestClimb(t *testing.T) {
	t.Parallel()
	working := func(name string) rung {
		return rung{name, func(context.Context, func(string) string) (*Server, error) { return &Server{What: name}, nil }}
	}
	broken := func(name string, err error) rung {
		return rung{name, func(context.Context, func(string) string) (*Server, error) { return nil, err }}
	}
	url := server(t).URL
	for name, test := range map[string]struct {
		env   map[string]string
		rungs []rung
		want  string
		err   []string
	}{
		"a named server comes first": {
			env: map[string]string{URLVariable: url}, rungs: []rung{working("Docker")}, want: "the server of " + URLVariable,
		},
		"a named server that does not answer is no reason to take another": {
			env: map[string]string{URLVariable: "postgres://postgres@/x?host=/nowhere"}, rungs: []rung{working("Docker")}, err: []string{URLVariable},
		},
		"named programs come before an engine": {
			env: map[string]string{ProgramsVariable: localPrograms(t)}, rungs: []rung{working("Docker")},
			want: "a private server from the programs in " + localPrograms(t),
		},
		"named programs that are none are no reason to take others": {
			env: map[string]string{ProgramsVariable: "/nowhere"}, rungs: []rung{working("Docker")},
			err: []string{ProgramsVariable, "server programs in /nowhere", "no PostgreSQL server programs"},
		},
		"the first rung": {rungs: []rung{working("Docker"), working("local")}, want: "Docker"},
		"the next":       {rungs: []rung{broken("Docker", errors.New("no engine")), working("local")}, want: "local"},
		"none": {
			rungs: []rung{broken("Docker", errors.New("no engine answers")), broken("local", localpg.ErrNoServer)},
			err:   []string{"no engine answers", "apt-get install postgresql", URLVariable},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := climb(t.Context(), lookup(test.env), test.rungs)
			if (err == nil) != (test.err == nil) {
				t.Fatalf("server %v, error %v", s, err)
			}
			for _, want := range test.err {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if err == nil {
				t.Cleanup(func() {
					if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
						t.Error(err)
					}
				})
			}
			if err == nil && s.What != test.want {
				t.Errorf("took %s, want %s", s.What, test.want)
			}
		})
	}
}

// localPrograms is the folder of this machine's server programs.
func localPrograms(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the only error is a bad pattern
	if len(found) == 0 {
		t.Skip("no server programs in the usual folder")
	}
	return found[len(found)-1]
}

// recorder is a test that says what was asked of it, and can be failed without harm.
type recorder struct {
	testing.TB
	said   []string
	failed bool
	after  []func()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = append(r.said, "fatal: "+fmt.Sprintf(format, args...))
}
func (r *recorder) Fatal(args ...any) { r.said = append(r.said, "fatal: "+fmt.Sprint(args...)) }
func (r *recorder) Skip(args ...any)  { r.said = append(r.said, "skip: "+fmt.Sprint(args...)) }
func (r *recorder) Logf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Failed() bool     { return r.failed }
func (r *recorder) Cleanup(f func()) { r.after = append(r.after, f) }
func (r *recorder) end() {
	for _, f := range r.after {
		f()
	}
}

func TestGiveUp(t *testing.T) {
	t.Parallel()
	for main, want := range map[bool]string{true: "skip: no server", false: "fatal: no server"} {
		r := &recorder{TB: t}
		giveUp(r, main, errors.New("no server"))
		if r.said[0] != want {
			t.Errorf("with Main %v: %q, want %q", main, r.said, want)
		}
	}
}
