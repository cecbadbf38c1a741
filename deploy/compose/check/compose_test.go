package check

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

const root = "../../.."

// secrets are the files that the head of docker-compose.yml asks for, with contents that nobody writes otherwise.
var secrets = map[string]string{
	"postgres_password": "PGSECRET", "reader_password": "READERSECRET", "ucloud_public_key": "PUBLICSECRET", "ucloud_private_key": "PRIVATESECRET",
}

// load reads the file as `docker compose` does, with the committed .env and these variables of the shell.
func load(t *testing.T, profiles []string, shell ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithWorkingDirectory(root), cli.WithEnv(shell), cli.WithEnvFiles(), cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...), cli.WithName("syncer"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", profiles, err)
	}
	return project
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	sync := []string{"migrate", "postgres", "syncer"}
	demo := []string{"demo", "demo-history", "demo-migrate", "demo-postgres", "demo-registry"}
	for _, c := range []struct{ profiles, want []string }{
		{nil, sync}, // what .env says of a bare `up`
		{[]string{"sync"}, sync},
		{[]string{"demo"}, demo},
		{[]string{"sync", "observability"}, slices.Concat(sync, []string{"grafana", "prometheus"})},
		{[]string{"sync", "demo"}, slices.Concat(sync, demo)},
	} {
		project := load(t, c.profiles)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, slices.Sorted(maps.Keys(project.Services))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.profiles, diff)
		}
	}
}

// TestDemoNeedsNothing: neither a folder of secrets nor a setting of the reader's.
func TestDemoNeedsNothing(t *testing.T) {
	t.Parallel()
	project := load(t, []string{"demo"}, "SYNCER_SECRETS=/nowhere")
	for name, service := range project.Services {
		if len(service.Secrets) > 0 || len(service.EnvFiles) > 0 {
			t.Errorf("%s wants %v %v", name, service.Secrets, service.EnvFiles)
		}
		for variable, value := range service.Environment {
			if value == nil {
				t.Errorf("%s takes %s from the shell", name, variable)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				t.Errorf("%s mounts %s", name, volume.Source)
			}
		}
	}
}

// TestConfigPrintsNoSecret makes what `docker compose config` prints, with secrets in files and, by mistake, in the shell.
func TestConfigPrintsNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, value := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	project := load(t, []string{"*"}, "SYNCER_SECRETS="+dir, "DATABASE_URL=postgres://u:SHELLSECRET@h/d", "PGPASSWORD=SHELLSECRET",
		"UCLOUD_PRIVATE_KEY=SHELLSECRET", "UCLOUD_PUBLIC_KEY=SHELLSECRET", "UCLOUD_SECURITY_TOKEN=SHELLSECRET", "SYNCER_PUSHGATEWAY_URL=SHELLSECRET",
		"SYNCER_PING_URL=SHELLSECRET")
	yaml, err1 := project.MarshalYAML()
	json, err2 := project.MarshalJSON()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for name := range secrets {
		if !strings.Contains(string(yaml), filepath.Join(dir, name)) {
			t.Errorf("the file of %s is not asked for", name)
		}
	}
	for _, text := range []string{string(yaml), string(json)} {
		for _, secret := range append(slices.Collect(maps.Values(secrets)), "SHELLSECRET") {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s is printed: ...%s", secret, text[max(0, at-80):at+len(secret)])
			}
		}
	}
}

// TestDatabaseKeepsItsData: whichever of the images from 15 to 18 it is, the data lies in the volume, and where the image would put
// it by itself does not matter.
func TestDatabaseKeepsItsData(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"postgres:15", "postgres:16-alpine", "postgres:17", "postgres:18-alpine"} {
		project := load(t, []string{"sync", "demo"}, "POSTGRES_IMAGE="+image)
		for name, want := range map[string]string{"postgres": types.VolumeTypeVolume, "demo-postgres": "tmpfs"} {
			service := project.Services[name]
			data, kept := service.Environment["PGDATA"], ""
			for _, volume := range service.Volumes {
				if data != nil && volume.Target == *data {
					kept = volume.Type
				}
			}
			for _, path := range service.Tmpfs {
				if data != nil && path == *data {
					kept = "tmpfs"
				}
			}
			if service.Image != image || kept != want {
				t.Errorf("%s of %s keeps its data in %q, want a %s", name, service.Image, kept, want)
			}
		}
	}
}
