package main

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var update = flag.Bool("update", false, "write what kustomize makes into the golden files")

const (
	rules     = "../../prometheus/syncer.rules.yaml"
	rulesHead = `# Made from deploy/prometheus/syncer.rules.yaml by "make manifests UPDATE=1".
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: syncer
spec:
`
)

// TestKustomizeRules makes the operator's rules from the one file of rules, before TestKustomize reads them.
func TestKustomizeRules(t *testing.T) { //nolint:paralleltest // -update writes what the next test reads
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	made := rulesHead
	for line := range strings.Lines(string(text)) {
		if line != "\n" {
			made += "  "
		}
		made += line
	}
	path := "../components/prometheus-operator/prometheusrule.yaml"
	if *update {
		if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, string(got)); diff != "" {
		t.Errorf("the rules changed: make manifests UPDATE=1 (-want +got)\n%s", diff)
	}
}

// TestKustomize compares what kustomize makes of each folder with the golden files, which the other tests read.
func TestKustomize(t *testing.T) {
	t.Parallel()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // as `kubectl kustomize` does
	for golden, folder := range map[string]string{
		"base":     "base",
		"sharded":  "testdata/sharded",
		"daemon":   "testdata/daemon",
		"operator": "testdata/operator",
		"backup":   "testdata/backup",
		"migrate":  "jobs/migrate",
		"backfill": "jobs/backfill",
		"dev":      "overlays/dev",
		"prod":     "overlays/prod",
	} {
		made, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join("..", folder))
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		got, err := made.AsYaml()
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		path := filepath.Join(rendered, golden+".yaml")
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Error(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s changed; if that is meant: make manifests UPDATE=1 (-want +got)\n%s", folder, diff)
		}
	}
}

// TestProductionDaemon adds the daemon to the production overlay, as that says: it has the memory, and the CronJob does not run
// beside it.
func TestProductionDaemon(t *testing.T) {
	t.Parallel()
	files := filesys.MakeFsInMemory()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, "../validate") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if path == "../overlays/prod/kustomization.yaml" {
			text = append(text, "components: [../../components/daemon]\n"...)
		}
		return files.WriteFile(strings.TrimPrefix(path, ".."), text)
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/overlays/prod")
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, object := range made.Resources() {
		text := object.MustYaml()
		switch object.GetKind() {
		case "Deployment":
			found += "Deployment "
			if !strings.Contains(text, "memory: 512Mi") || !strings.Contains(text, "value: 460MiB") {
				t.Errorf("the daemon has not the overlay's memory:\n%s", text)
			}
		case "CronJob":
			found += "CronJob "
			if !strings.Contains(text, "\n  suspend: true\n") {
				t.Errorf("the CronJob runs beside the daemon:\n%s", text)
			}
		}
	}
	if len(strings.Fields(found)) != 2 {
		t.Errorf("found %s", found)
	}
}
