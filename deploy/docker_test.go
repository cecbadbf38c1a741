package deploy

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Names that images are built under; the next build takes them over.
const (
	image         = "syncer-test"
	registryImage = "syncer-test-demo-registry"
)

// needsDocker skips tests that build images unless they are asked for: .ci/containers asks where a Docker engine answers, and
// says so where none does.
func needsDocker(t *testing.T) {
	t.Helper()
	if os.Getenv("SYNCER_TEST_CONTAINERS") == "" {
		t.Skip("make containers runs it")
	}
}

// command runs a program at the top of the repo and returns what it printed.
func command(ctx context.Context, environment []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), environment...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t.Context(), nil, "docker", args...)
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

var built sync.Once

// buildImages builds both images once for all tests.
func buildImages(t *testing.T) {
	t.Helper()
	built.Do(func() {
		args := []string{"build", "-q", "-f", "deploy/Dockerfile"}
		if base := os.Getenv("GO_IMAGE"); base != "" {
			args = append(args, "--build-arg", "GO_IMAGE="+base)
		}
		start := time.Now()
		docker(t, append(args, "--target", "syncer", "-t", image, ".")...)
		docker(t, append(args, "--target", "demo-registry", "-t", registryImage, ".")...)
		t.Logf("built in %s", time.Since(start).Round(time.Second))
	})
	docker(t, "image", "inspect", "--format", "{{.Id}}", image, registryImage)
}

// locked are the options of a container that may do nothing but run.
var locked = []string{"run", "--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--network", "none"}
