package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/config"
)

const file = "_FILE"

// variables are all names that the program looks up, the secrets in both forms.
func variables() map[string]bool {
	all := map[string]bool{}
	for _, s := range config.Settings() {
		all[s.Variable] = true
		if s.Secret {
			all[s.Variable+file] = true
		}
	}
	return all
}

// lacking are the settings that stand in neither form among the names and are not excused.
func lacking(names map[string]string, excused map[string]string) []string {
	var missing []string
	for _, s := range config.Settings() {
		_, plain := names[s.Variable]
		_, asFile := names[s.Variable+file]
		if _, ok := excused[s.Variable]; !plain && !asFile && !ok {
			missing = append(missing, s.Variable)
		}
	}
	return missing
}

// unknown are the names that are no settings.
func unknown(names map[string]string) []string {
	var extra []string
	for name := range names {
		if !variables()[name] {
			extra = append(extra, name)
		}
	}
	return extra
}

// plainSecrets are the names that hold a secret itself.
func plainSecrets(names map[string]string) []string {
	var found []string
	for _, s := range config.Settings() {
		if _, ok := names[s.Variable]; ok && s.Secret {
			found = append(found, s.Variable)
		}
	}
	return found
}

// load reads the names as the program's environment, with a file behind each path that ends in one of the files' names.
func load(t *testing.T, names, files map[string]string) (config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Load(config.Input{
		Need: config.NeedSource | config.NeedDatabase,
		Lookup: func(name string) (string, bool) {
			value, ok := names[name]
			if strings.HasSuffix(name, file) && value != "" {
				value = filepath.Join(dir, filepath.Base(value))
			}
			return value, ok
		},
	})
}

func equalSets(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestConfigMapHoldsEverySetting(t *testing.T) {
	t.Parallel()
	excused := map[string]string{"JOB_COMPLETION_INDEX": "set by Kubernetes"}
	for _, name := range []string{"base", "sharded", "daemon", "dev", "prod"} {
		names := one[configMap](t, name, "ConfigMap").Data
		equalSets(t, name+": settings that are missing", nil, lacking(names, excused))
		equalSets(t, name+": what is no setting", nil, unknown(names))
		equalSets(t, name+": secrets outside the Secret", nil, plainSecrets(names))
	}
}

func TestConfigMapLoads(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"base", "daemon", "dev", "prod"} {
		cfg, err := load(t, one[configMap](t, name, "ConfigMap").Data, map[string]string{
			"DATABASE_URL": "postgres://syncer:secret@db/syncer", "UCLOUD_PUBLIC_KEY": "public", "UCLOUD_PRIVATE_KEY": "private",
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(cfg.Sources) != 1 || cfg.Sources[0].Projects[0].Discover != config.DiscoverPrivate {
			t.Errorf("%s: sources %v, want one that discovers private repos", name, cfg.Sources)
		}
	}
}

func TestShardsAreCountedOnce(t *testing.T) {
	t.Parallel()
	names := maps.Clone(one[configMap](t, "sharded", "ConfigMap").Data)
	job := one[workload](t, "sharded", "CronJob").job()
	names["JOB_COMPLETION_INDEX"] = "3"
	cfg, err := load(t, names, map[string]string{
		"DATABASE_URL": "postgres://syncer:secret@db/syncer", "UCLOUD_PUBLIC_KEY": "public", "UCLOUD_PRIVATE_KEY": "private",
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := cfg.Shard.Count; n != job.Completions || n != job.Parallelism || cfg.Shard.Index != 3 || job.CompletionMode != "Indexed" {
		t.Errorf("shard %+v of a %s job with %d completions, %d at once", cfg.Shard, job.CompletionMode, job.Completions, job.Parallelism)
	}
}
