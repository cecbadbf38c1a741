package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// made is dist/ as `make oci` makes it of a copy of the source, once for all tests, and what that printed.
var made struct{ dir, printed string }

func TestMain(m *testing.M) {
	scratch, err := os.MkdirTemp("", "oci")
	if err != nil {
		panic(err)
	}
	os.Chmod(scratch, 0o755) // a program is run from it as nobody
	made.dir, made.printed = makeDist(filepath.Join(scratch, "a"))
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// makeDist copies the source to the folder and makes the image there.
func makeDist(dir string) (dist, printed string) {
	if err := os.CopyFS(dir, os.DirFS("../..")); err != nil {
		panic(err)
	}
	cmd := exec.Command("make", "--no-print-directory", "-s", "oci")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "MAKEFLAGS=", "GOFLAGS=-modcacherw")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		panic(err.Error() + "\n" + complaints.String())
	}
	return filepath.Join(dir, "dist"), strings.TrimSpace(string(out))
}

// digests are the digests of all files below a folder by their names.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		sum := sha256.Sum256(content)
		found[name] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSameBytesElsewhere makes everything again in another folder.
func TestSameBytesElsewhere(t *testing.T) {
	t.Parallel()
	again, printed := makeDist(filepath.Join(t.TempDir(), "a", "longer", "way"))
	want, got := digests(t, made.dir), digests(t, again)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 16 {
		t.Errorf("%d files (-first +second):\n%s", len(want), diff)
	}
	if printed != made.printed || !strings.HasPrefix(printed, "sha256:") {
		t.Errorf("printed %s and %s", made.printed, printed)
	}
}

// TestOtherProgramOtherDigest: the digest hangs on the program.
func TestOtherProgramOtherDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content, err := os.ReadFile(filepath.Join(made.dir, "syncer-linux-amd64"))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, append(content, 0), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := write(filepath.Join(dir, "oci"), []string{other, filepath.Join(made.dir, "syncer-linux-arm64")})
	if err != nil || got.String() == made.printed {
		t.Errorf("%v, %v: the same for another program", got, err)
	}
}

// TestLayoutIsValid has the library hold every digest, size and layer against what is there.
func TestLayoutIsValid(t *testing.T) {
	t.Parallel()
	index, err := layout.ImageIndexFromPath(filepath.Join(made.dir, "oci"))
	if err == nil {
		err = validate.Index(index)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dynamic := filepath.Join(dir, "dynamic")
	mac := filepath.Join(dir, "mac")
	hello := filepath.Join(dir, "hello.go")
	if err := os.WriteFile(hello, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for out, env := range map[string][]string{dynamic: {"CGO_ENABLED=0", "GOFLAGS=-buildmode=pie"}, mac: {"CGO_ENABLED=0", "GOOS=darwin"}} {
		cmd := exec.Command("go", "build", "-o", out, hello)
		cmd.Env = append(os.Environ(), env...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	good := filepath.Join(made.dir, "syncer-linux-amd64")
	for want, args := range map[string][]string{
		"usage: oci":                        {"-o", dir},
		"usage: oci -o FOLDER":              {good},
		"there already":                     {"-o", dir, good},
		"what go.mod was built of":          {"-o", filepath.Join(dir, "x"), "go.mod"},
		"needs a loader":                    {"-o", filepath.Join(dir, "x"), dynamic},
		"is for darwin":                     {"-o", filepath.Join(dir, "x"), mac},
		"no such file":                      {"-o", filepath.Join(dir, "x"), filepath.Join(dir, "none")},
		"flag provided but not defined: -q": {"-q"},
	} {
		var out, complaints bytes.Buffer
		if code := run(args, &out, &complaints); code == 0 || !strings.Contains(complaints.String(), want) || out.Len() > 0 {
			t.Errorf("%v: code %d, %q, want %q", args, code, &complaints, want)
		}
	}
}
