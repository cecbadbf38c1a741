//go:build unix && !aix && !solaris

package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamedPrograms takes the folder that is named and no other.
func TestNamedPrograms(t *testing.T) {
	t.Parallel()
	folder := filepath.Dir(fakePrograms(t, 99))
	if got, err := findPrograms(t.Context(), folder, 0); err != nil || got.major != 99 || got.bin != folder {
		t.Errorf("found %v, %v", got, err)
	}
	for _, test := range []struct {
		folder string
		major  int
		want   string
	}{{folder, 15, "made by PostgreSQL 15, this machine has [99]"}, {t.TempDir(), 0, "no PostgreSQL server programs"}} {
		_, err := findPrograms(t.Context(), test.folder, test.major)
		if err == nil || !strings.Contains(err.Error(), test.folder) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want the folder and %q in it", err, test.want)
		}
	}
}

// fakePrograms makes an installation that knows its version and nothing else, and returns its initdb.
func fakePrograms(t *testing.T, major int) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), fmt.Sprint(major))
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	version := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %d.3 (Debian)'\n", major)
	for name, text := range map[string]string{"initdb": "#!/bin/sh\n", "postgres": version} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(bin, "initdb")
}

func TestChoosePrograms(t *testing.T) {
	t.Parallel()
	v14, v15, v17 := fakePrograms(t, 14), fakePrograms(t, 15), fakePrograms(t, 17)
	link := filepath.Join(t.TempDir(), "initdb")
	if err := os.Symlink(v15, link); err != nil {
		t.Fatal(err)
	}
	lone := filepath.Join(t.TempDir(), "initdb") // a wrapper without the server beside it
	if err := os.WriteFile(lone, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		first, others []string
		major, want   int
		err           string
	}{
		"PATH wins":               {first: []string{link}, others: []string{v17}, want: 15},
		"newest of the rest":      {others: []string{v15, v17, v14}, want: 17},
		"too old on PATH":         {first: []string{v14}, others: []string{v15}, want: 15},
		"wrapper on PATH":         {first: []string{lone}, others: []string{v15}, want: 15},
		"the data's version":      {first: []string{v17}, others: []string{v15}, major: 15, want: 15},
		"old data, old server":    {others: []string{v17, v14}, major: 14, want: 14},
		"the data's is not there": {others: []string{v17, v15, v17}, major: 16, err: "made by PostgreSQL 16, this machine has [17 15]: apt-get install postgresql-16"},
		"all too old":             {others: []string{v14}, err: "found only [14]"},
		"none":                    {err: "apt-get install postgresql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := choosePrograms(t.Context(), test.first, test.others, test.major)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q in it", err, test.err)
				}
				if test.major == 0 && !errors.Is(err, ErrNoServer) {
					t.Errorf("error %v is not ErrNoServer", err)
				}
				return
			}
			if err != nil || got.major != test.want {
				t.Errorf("chose %v, %v; want %d", got, err, test.want)
			}
		})
	}
}
