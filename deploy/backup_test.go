package deploy

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"syncer/internal/localpg"
)

// backup is the script of components/backup on a private server and folders of the test's.
type backup struct {
	t        *testing.T
	script   string
	programs string
	folder   string
	address  string // the file that holds it
	server   string
}

func newBackup(t *testing.T) backup {
	t.Helper()
	jobs := workloads(t, "backup")
	container := jobs[len(jobs)-1].job().Template.Spec.Containers[0]
	if len(container.Command) != 3 || container.Command[0] != "/bin/sh" {
		t.Fatalf("command %q", container.Command)
	}
	s, err := localpg.Start(t.Context(), localpg.Options{})
	if errors.Is(err, localpg.ErrNoServer) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.WithoutCancel(t.Context())) })
	b := backup{t: t, script: container.Command[2], folder: t.TempDir(), server: s.DSN(localpg.Database)}
	b.address = filepath.Join(t.TempDir(), "DATABASE_URL")
	b.names(b.server)
	b.programs = serverPrograms(t)
	return b
}

// serverPrograms is the folder of the programs that localpg takes, with those of the client beside them.
func serverPrograms(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the only error is a bad pattern
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		t.Skip("no server programs on PATH or where Debian has them")
	}
	path, err := filepath.EvalSymlinks(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path)
}

// names writes the address that the script reads.
func (b backup) names(dsn string) {
	b.t.Helper()
	if err := os.WriteFile(b.address, []byte(dsn+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b backup) run(keep string) (string, error) {
	b.t.Helper()
	return command(b.t.Context(), []string{
		"DATABASE_URL_FILE=" + b.address, "BACKUP_FOLDER=" + b.folder, "BACKUP_KEEP=" + keep, "PATH=" + b.programs + ":" + os.Getenv("PATH"),
	}, "/bin/sh", "-c", b.script)
}

func (b backup) files() []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.folder)
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestBackup dumps a database over older dumps, keeps the newest, and restores what it dumped.
func TestBackup(t *testing.T) {
	t.Parallel()
	b := newBackup(t)
	conn, err := pgx.Connect(t.Context(), b.server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, sql := range []string{"CREATE TABLE kept AS SELECT 7 AS n", "CREATE DATABASE restored"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, old := range []string{"syncer-2026-01-01T023700Z.dump", "syncer-2026-01-02T023700Z.dump", "syncer-2026-01-03T023700Z.dump.part", "mine.dump"} {
		if err := os.WriteFile(filepath.Join(b.folder, old), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := b.run("2"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := b.files()
	if len(files) != 3 || files[0] != "mine.dump" || files[1] != "syncer-2026-01-02T023700Z.dump" || !strings.HasSuffix(files[2], "Z.dump") {
		t.Fatalf("kept %q", files)
	}
	made := filepath.Join(b.folder, files[2])
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	restored := strings.Replace(b.server, "/"+localpg.Database+"?", "/restored?", 1)
	if out, err := command(t.Context(), nil, filepath.Join(b.programs, "pg_restore"), "--exit-on-error", "--dbname="+restored, made); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	other, err := pgx.Connect(t.Context(), restored)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	var n int
	if err := other.QueryRow(t.Context(), "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Errorf("restored %d, %v", n, err)
	}
}

// TestBackupThatFails removes nothing and leaves nothing that looks like a dump.
func TestBackupThatFails(t *testing.T) {
	t.Parallel()
	b := newBackup(t)
	old := "syncer-2026-01-01T023700Z.dump"
	if err := os.WriteFile(filepath.Join(b.folder, old), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.names(strings.Replace(b.server, "/"+localpg.Database+"?", "/nowhere?", 1))
	out, err := b.run("0")
	if err == nil || !strings.Contains(out, "nowhere") {
		t.Errorf("%v: %s", err, out)
	}
	dumps := slices.DeleteFunc(b.files(), func(name string) bool { return !strings.HasSuffix(name, ".dump") })
	if diff := cmp.Diff([]string{old}, dumps); diff != "" {
		t.Error(diff)
	}
}
