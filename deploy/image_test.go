package deploy

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	needsDocker(t)
	buildImages(t)
	var got []struct {
		Size   int64
		Config struct {
			User        string
			Entrypoint  []string
			Cmd         []string
			Labels      map[string]string
			Healthcheck struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(docker(t, "image", "inspect", image)), &got); err != nil {
		t.Fatal(err)
	}
	c := got[0].Config
	want := []any{"65532:65532", []string{"/syncer"}, []string{"run"}, []string{"CMD", "/syncer", "status", "--output", "json"}}
	if diff := cmp.Diff(want, []any{c.User, c.Entrypoint, c.Cmd, c.Healthcheck.Test}); diff != "" {
		t.Errorf("user, entry point, command, health check (-want +got):\n%s", diff)
	}
	if c.Labels["org.opencontainers.image.title"] != "syncer" {
		t.Errorf("labels %v", c.Labels)
	}
	const most = 60 << 20
	if got[0].Size > most {
		t.Errorf("%d MiB, want at most %d", got[0].Size>>20, most>>20)
	}
	t.Logf("%.1f MB", float64(got[0].Size)/1e6)
}

// TestImageHoldsOnlyTheProgram looks at every file, and runs it as somebody who may do nothing.
func TestImageHoldsOnlyTheProgram(t *testing.T) {
	t.Parallel()
	needsDocker(t)
	buildImages(t)
	files := export(t)
	var names []string
	for name := range files {
		switch {
		case name == ".dockerenv", strings.HasPrefix(name, "dev/"), strings.HasPrefix(name, "proc/"), strings.HasPrefix(name, "sys/"):
		case name == "etc/hosts", name == "etc/hostname", name == "etc/resolv.conf", name == "etc/mtab": // the engine's
		default:
			names = append(names, name)
		}
	}
	equalSets(t, "files in the image", []string{"etc/ssl/certs/ca-certificates.crt", "syncer"}, names)

	var ran, here struct{ Version, Go string }
	if err := json.Unmarshal([]byte(docker(t, append(locked, image, "version", "--output", "json")...)), &ran); err != nil {
		t.Fatal(err)
	}
	if ran.Version == "(devel)" {
		t.Errorf("version %q says nothing", ran.Version)
	}
	binary, version := buildHere(t)
	if err := json.Unmarshal([]byte(version), &here); err != nil {
		t.Fatal(err)
	}
	if here.Go != ran.Go {
		t.Logf("the image is of %s, this machine has %s: not compared", ran.Go, here.Go)
		return
	}
	if ran != here || sha256.Sum256(binary) != sha256.Sum256(files["syncer"]) {
		t.Errorf("the same source gives another binary in the image, %+v, than here, %+v", ran, here)
	}
}

// buildHere builds the program as the Dockerfile does and returns it and what it says of itself.
func buildHere(t *testing.T) (binary []byte, version string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "syncer")
	env := []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath"}
	if out, err := command(t.Context(), env, "go", "build", "-ldflags=-s", "-o", path, "./cmd/syncer"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	version, err = command(t.Context(), nil, path, "version", "--output", "json")
	if err != nil {
		t.Fatal(err)
	}
	return binary, version
}

// export returns the files of a container of the image.
func export(t *testing.T) map[string][]byte {
	t.Helper()
	id := docker(t, "create", image)
	defer docker(t, "rm", id)
	path := filepath.Join(t.TempDir(), "image.tar")
	docker(t, "export", "-o", path, id)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImageEndsAsDocumented: exit codes pass through, and settings may come from nowhere but outside.
func TestImageEndsAsDocumented(t *testing.T) {
	t.Parallel()
	needsDocker(t)
	buildImages(t)
	codes := exitCodes(t)
	for _, c := range []struct {
		args []string
		code string
	}{
		{[]string{image, "status"}, "exitUsage"},
		{[]string{"-e", "DATABASE_URL=postgres://syncer@127.0.0.1:1/syncer", image, "status"}, "exitDatabase"},
	} {
		out, err := command(t.Context(), nil, "docker", append(locked, c.args...)...)
		var exit interface{ ExitCode() int }
		if !errors.As(err, &exit) || exit.ExitCode() != codes[c.code] {
			t.Errorf("%v: %v, want %s\n%s", c.args, err, c.code, out)
		}
	}
}
