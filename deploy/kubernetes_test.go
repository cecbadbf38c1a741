package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/config"
	"syncer/internal/schedule"
)

// exitCodes are the codes of failure by the name of their constant, as the program's source has them.
func exitCodes(t *testing.T) map[string]int {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), "../cmd/syncer/exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "exit") {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				codes[spec.Names[0].Name], _ = strconv.Atoi(literal.Value)
			}
		}
		return true
	})
	signal := codes["exitSignal"]
	if signal == 0 {
		t.Fatalf("no codes of signals among %v", codes)
	}
	delete(codes, "exitSignal")
	delete(codes, "exitOK")
	codes["SIGINT"], codes["SIGTERM"] = signal+int(syscall.SIGINT), signal+int(syscall.SIGTERM)
	return codes
}

// TestFailurePolicies holds what Kubernetes does about each exit code against what the code means: a new try where that may
// help, none where it cannot.
func TestFailurePolicies(t *testing.T) {
	t.Parallel()
	const again, never, uncounted = "Count", "FailJob", "Ignore"
	meaning := map[string]string{
		"exitInternal": again, "exitUsage": never, "exitPartial": never, "exitRefused": never, "exitUnavailable": again,
		"exitDatabase": again, "exitSchema": never, "exitLocked": again, "SIGINT": uncounted, "SIGTERM": uncounted,
	}
	want := map[int]string{}
	for name, code := range exitCodes(t) {
		want[code] = meaning[name] // empty for a new code, which no policy has
	}
	for _, name := range rendered {
		want := maps.Clone(want)
		if name == "sharded" {
			want[exitCodes(t)["exitPartial"]] = "FailIndex" // a shard's failed repos say nothing of the other shards
		}
		for _, w := range workloads(t, name) {
			if w.Kind == "Deployment" {
				continue
			}
			got := map[int]string{}
			rules := w.job().PodFailurePolicy.Rules
			for i, rule := range rules {
				for _, code := range rule.OnExitCodes.Values {
					if got[code] != "" {
						t.Errorf("%s: code %d stands twice", name, code)
					}
					got[code] = rule.Action
				}
				if i == 0 && rule.Action != "Ignore" {
					t.Errorf("%s: the first rule is %s: a pod that is moved ends with a code of its own and must be ignored first", name, rule.Action)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-program +podFailurePolicy):\n%s", name, w.Metadata.Name, diff)
			}
		}
	}
}

var codeRow = regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`)

// TestExitCodesInDocs holds the tables of exit codes in the docs against the program's.
func TestExitCodesInDocs(t *testing.T) {
	t.Parallel()
	want := []int{0}
	want = slices.AppendSeq(want, maps.Values(exitCodes(t)))
	slices.Sort(want)
	for _, doc := range []string{"../README.md", "../docs/operations.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(text), "## Exit codes")
		section, _, _ = strings.Cut(section, "\n## ")
		var got []int
		for _, row := range codeRow.FindAllStringSubmatch(section, -1) {
			for number := range strings.SplitSeq(row[1], ", ") {
				code, _ := strconv.Atoi(number)
				got = append(got, code)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-program +document):\n%s", doc, diff)
		}
	}
}

// TestDeadlines checks that the program may finish what it is at when it is stopped, that a request has time for all its tries,
// and that a run which starts as late as it may and takes as long as it may is over before the next is due.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	own := defaults(t)
	tries := own.Sources[0].RequestTimeout * time.Duration(own.Sources[0].MaxAttempts)
	for _, name := range rendered {
		for _, w := range workloads(t, name) {
			job := w.job()
			grace := time.Duration(job.Template.Spec.TerminationGracePeriodSeconds) * time.Second
			active := time.Duration(job.ActiveDeadlineSeconds) * time.Second
			if grace <= own.GracePeriod {
				t.Errorf("%s: killed after %s, but the program takes %s to stop", name, grace, own.GracePeriod)
			}
			if w.Kind == "Deployment" {
				continue
			}
			if active < 2*tries || active < grace {
				t.Errorf("%s: %s to run, but a single request may take %s, and to stop %s", name, active, tries, grace)
			}
			if w.Kind != "CronJob" {
				continue
			}
			late := time.Duration(w.Spec.StartingDeadlineSeconds) * time.Second
			if period := shortestPeriod(t, w.Spec.Schedule); late <= 0 || late+active+grace > period {
				t.Errorf("%s: starts up to %s late, runs up to %s, stops in %s: more than its period of %s", name, late, active, grace, period)
			}
		}
	}
	for name, s := range readCompose(t).Services {
		if grace, err := time.ParseDuration(s.Grace); s.Grace != "" && (err != nil || grace <= own.GracePeriod) {
			t.Errorf("compose %s: killed after %s (%v), but the program takes %s to stop", name, grace, err, own.GracePeriod)
		}
	}
}

func shortestPeriod(t *testing.T, spec string) time.Duration {
	t.Helper()
	moments, err := schedule.Parse(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	upcoming := moments.Upcoming(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 500)
	shortest := moments.Period(upcoming[0])
	for i, moment := range upcoming[1:] {
		shortest = min(shortest, moment.Sub(upcoming[i]))
	}
	return shortest
}

// TestOneSchedule: the daemon would run when the CronJob does, and the alerts, which go by the setting, know its period.
func TestOneSchedule(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"base", "sharded", "dev", "prod"} {
		cron := one[workload](t, name, "CronJob").Spec
		setting := one[configMap](t, name, "ConfigMap").Data["SYNCER_SCHEDULE"]
		if cron.Schedule != setting || cron.TimeZone != "Etc/UTC" || defaults(t).Timezone.String() != "UTC" {
			t.Errorf("%s: the CronJob runs at %q %s, the daemon would at %q %s", name, cron.Schedule, cron.TimeZone, setting, defaults(t).Timezone)
		}
	}
}

// defaults are the settings of somebody who sets none.
func defaults(t *testing.T) config.Config {
	t.Helper()
	cfg, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

var mebibytes = regexp.MustCompile(`^([0-9]+)Mi(?:B)?$`)

func mebi(t *testing.T, text string) int {
	t.Helper()
	m := mebibytes.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no number of mebibytes", text)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// TestMemory checks that garbage is collected before the container's limit is met, and not long before.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, name := range rendered {
		for _, w := range workloads(t, name) {
			c := w.job().Template.Spec.Containers[0]
			for _, env := range c.Env {
				if env.Name != "GOMEMLIMIT" {
					continue
				}
				aim, limit := mebi(t, env.Value), mebi(t, c.Resources.Limits["memory"])
				if share := 100 * aim / limit; share < 80 || share > 92 {
					t.Errorf("%s: GOMEMLIMIT is %d %% of the limit", name, share)
				}
			}
		}
	}
}

// TestSecretsAreMounted checks that every file a setting names lies in the mounted Secret.
func TestSecretsAreMounted(t *testing.T) {
	t.Parallel()
	for _, name := range rendered {
		paths := map[string]string{}
		for _, c := range all[configMap](t, name, "ConfigMap") {
			maps.Copy(paths, c.Data)
		}
		for _, w := range workloads(t, name) {
			c := w.job().Template.Spec.Containers[0]
			for _, env := range c.Env {
				paths[env.Name] = env.Value
			}
			for variable, path := range paths {
				if strings.HasSuffix(variable, file) && path != "" && filepath.Dir(path) != c.VolumeMounts[0].MountPath {
					t.Errorf("%s: %s=%s is not in %s", name, variable, path, c.VolumeMounts[0].MountPath)
				}
			}
		}
	}
}
