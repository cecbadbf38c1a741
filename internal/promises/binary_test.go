package promises_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What only tests need does not link into the program: the faults of the simulated registry, test databases, the test library.
func TestProgramLinksNoTestHelpers(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-deps", "./cmd/syncer")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, helper := range []string{"syncer/internal/fakeapi/faults", "syncer/internal/pgtest", "testing", "net/http/httptest"} {
		if slices.Contains(deps, helper) {
			t.Errorf("cmd/syncer imports %s, which is for tests", helper)
		}
	}
	if !slices.Contains(deps, "syncer/internal/fakeapi") {
		t.Error("the dependencies of cmd/syncer are not complete: the demo needs internal/fakeapi")
	}
}
