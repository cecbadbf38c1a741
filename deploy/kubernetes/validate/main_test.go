package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const rendered = "../testdata"

// TestRenderedManifests holds what kustomize makes of every base, job and overlay against Kubernetes' validation.
func TestRenderedManifests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(rendered, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests in %s: %v", rendered, err)
	}
	if err := run(files, nil, io.Discard); err != nil {
		t.Error(err)
	}
}

// TestRefuses breaks good manifests in a way that an API server would refuse.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, old, broken, complaint string }{
		{"misspelt field", "base", "concurrencyPolicy:", "concurrencyPolice:", `unknown field "spec.concurrencyPolice"`},
		{"unknown zone", "base", "timeZone: Etc/UTC", "timeZone: Etc/UCT2", "unknown time zone"},
		{"bad schedule", "base", "schedule: 7 * * * *", "schedule: 61 * * * *", "schedule"},
		{"unknown kind", "base", "kind: CronJob", "kind: CronJobs", "no kind"},
		{"per-index limit without indexes", "sharded", "completionMode: Indexed", "completionMode: NonIndexed", "requires indexed completion mode"},
		{"exit code 0 in the policy", "migrate", "- 143", "- 0", "onExitCodes.values"},
		{"secret not mounted from a volume", "backfill", "- name: secrets\n        secret:", "- name: secret\n        secret:", "Not found"},
		{"restart on failure", "migrate", "restartPolicy: Never", "restartPolicy: OnFailure", "restartPolicy"},
		{"root", "daemon", "runAsUser: 65532", "runAsUser: 0", "runAsUser=0"},
		{"capabilities kept", "prod", "- ALL", "- NET_RAW", "unrestricted capabilities"},
		{"bad quantity", "prod", "memory: 512Mi", "memory: 512Mio", "quantities must match"},
		{"selector that fits no pod", "daemon", "app.kubernetes.io/component: daemon\n      app.kubernetes.io/name: syncer\n  strategy", "app: other\n  strategy", "does not match template"},
		{"misspelt field of the operator's", "operator", "podMetricsEndpoints:", "podMetricEndpoints:", `unknown field "podMetricEndpoints"`},
		{"rule without expression", "operator", "expr: max(syncer_database_up) == 0", `expr: ""`, "without name or expression"},
		{"misspelt rule", "operator", "for: 5m", "fro: 5m", "unknown field"},
		{"volume without size", "backup", "storage: 20Gi", "storage: 0Gi", "must be greater than zero"},
		{"another kind of the operator's", "operator", "kind: PodMonitor", "kind: PodMonitors", "is not known here"},
		{"empty", "base", "", "", "no manifest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(rendered, c.file+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.Replace(string(text), c.old, c.broken, 1)
			if c.old == "" {
				broken = ""
			} else if broken == string(text) {
				t.Fatalf("%s has no %q to break", c.file, c.old)
			}
			err = run(nil, strings.NewReader(broken), io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.complaint) {
				t.Errorf("got %v, want a complaint about %q", err, c.complaint)
			}
		})
	}
}
