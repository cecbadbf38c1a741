package metrics_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const rulesFolder = "../../deploy/prometheus"

// promtool is the path of Prometheus' own tool.
func promtool(t *testing.T) string {
	t.Helper()
	tool, err := exec.LookPath("promtool")
	if err != nil {
		const text = "promtool is not installed (Debian: apt-get install prometheus), so alert rules and metric names are not checked"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return tool
}

// TestMetricsAreNamedByTheRules has Prometheus' own tool read all that a process says, of itself and of the database:
// TestOperationsExplainsEveryName holds that nothing is missing from it.
func TestMetricsAreNamedByTheRules(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	m := busy(t)
	m.WatchProcess()
	text := scrape(t, m, func(context.Context) {})
	cmd := exec.CommandContext(t.Context(), tool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestRules has Prometheus' own tool check the alerts and run their tests.
func TestRules(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	for _, args := range [][]string{{"check", "rules", "syncer.rules.yaml"}, {"test", "rules", "syncer.rules_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir = rulesFolder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Every alert is tested and has a section that says what to do.
func TestAlertsAreTestedAndExplained(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	rules, tests := read(filepath.Join(rulesFolder, "syncer.rules.yaml")), read(filepath.Join(rulesFolder, "syncer.rules_test.yaml"))
	doc := read("../../docs/operations.md")
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	if len(alerts) == 0 {
		t.Fatal("no alerts")
	}
	for _, alert := range alerts {
		name := alert[1]
		// once where it fires, and once where it does not
		if fires := strings.Count(tests, "alertname: "+name+"\n        exp_alerts:"); fires == 0 {
			t.Errorf("no test in which %s fires", name)
		}
		if !strings.Contains(tests, "alertname: "+name+"}") {
			t.Errorf("no test in which %s does not fire", name)
		}
		if !strings.Contains(doc, "\n#### "+name+"\n") || !strings.Contains(rules, "runbook: docs/operations.md#"+strings.ToLower(name)+"\n") {
			t.Errorf("%s has no section in docs/operations.md, or does not name it", name)
		}
	}
}
