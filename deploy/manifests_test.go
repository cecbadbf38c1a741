package deploy

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rendered are the manifests that deploy/kubernetes/validate compares with what kustomize makes.
var rendered = []string{"base", "sharded", "daemon", "migrate", "backfill", "dev", "prod"}

// configMap, workload and those below are as much of Kubernetes' objects as the tests look at; deploy/kubernetes/validate looks
// at all.
type configMap struct {
	Data map[string]string `yaml:"data"`
}

type workload struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		jobSpec                 `yaml:",inline"`
		Schedule                string `yaml:"schedule"`
		TimeZone                string `yaml:"timeZone"`
		StartingDeadlineSeconds int    `yaml:"startingDeadlineSeconds"`
		JobTemplate             struct {
			Spec jobSpec `yaml:"spec"`
		} `yaml:"jobTemplate"`
	} `yaml:"spec"`
}

type jobSpec struct {
	ActiveDeadlineSeconds int    `yaml:"activeDeadlineSeconds"`
	CompletionMode        string `yaml:"completionMode"`
	Completions           int    `yaml:"completions"`
	Parallelism           int    `yaml:"parallelism"`
	PodFailurePolicy      struct {
		Rules []failureRule `yaml:"rules"`
	} `yaml:"podFailurePolicy"`
	Template struct {
		Spec podSpec `yaml:"spec"`
	} `yaml:"template"`
}

type failureRule struct {
	Action      string `yaml:"action"`
	OnExitCodes struct {
		Values []int `yaml:"values"`
	} `yaml:"onExitCodes"`
}

type podSpec struct {
	TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
	Containers                    []struct {
		Args    []string `yaml:"args"`
		Command []string `yaml:"command"`
		Env     []struct {
			Name  string `yaml:"name"`
			Value string `yaml:"value"`
		} `yaml:"env"`
		Resources struct {
			Limits map[string]string `yaml:"limits"`
		} `yaml:"resources"`
		VolumeMounts []struct {
			MountPath string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	} `yaml:"containers"`
}

// job is the job that a workload is or starts.
func (w workload) job() jobSpec {
	if w.Kind == "CronJob" {
		return w.Spec.JobTemplate.Spec
	}
	return w.Spec.jobSpec
}

// one returns the only object of a kind in a golden file.
func one[T any](t *testing.T, name, kind string) T {
	t.Helper()
	found := all[T](t, name, kind)
	if len(found) != 1 {
		t.Fatalf("%s has %d objects of kind %s, want one", name, len(found), kind)
	}
	return found[0]
}

func all[T any](t *testing.T, name string, kinds ...string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("kubernetes", "testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	documents := yaml.NewDecoder(strings.NewReader(string(text)))
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return found
		}
		var head struct {
			Kind string `yaml:"kind"`
		}
		var object T
		if err := errors.Join(err, document.Decode(&head)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, kind := range kinds {
			if head.Kind == kind {
				if err := document.Decode(&object); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				found = append(found, object)
			}
		}
	}
}

// workloads are all objects of a golden file that make pods.
func workloads(t *testing.T, name string) []workload {
	t.Helper()
	found := all[workload](t, name, "CronJob", "Job", "Deployment")
	if len(found) == 0 {
		t.Fatalf("%s starts nothing", name)
	}
	return found
}
