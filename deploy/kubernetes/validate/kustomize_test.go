package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var update = flag.Bool("update", false, "write what kustomize makes into the golden files")

// TestKustomize compares what kustomize makes of each folder with the golden files, which the other tests read.
func TestKustomize(t *testing.T) {
	t.Parallel()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // as `kubectl kustomize` does
	for golden, folder := range map[string]string{
		"base":     "base",
		"sharded":  "testdata/sharded",
		"daemon":   "testdata/daemon",
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
