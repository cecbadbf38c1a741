package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	_ "unsafe" // for the controller's own function

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	_ "k8s.io/kubernetes/pkg/controller/job"
	"sigs.k8s.io/yaml"
)

// match is how the Job controller matches a failed pod with a policy. It returns why the whole Job fails, whether the failure counts
// towards the limit of tries, and the action of the rule that matched.
//
//go:linkname match k8s.io/kubernetes/pkg/controller/job.matchPodFailurePolicy
func match(*batchv1.PodFailurePolicy, *corev1.Pod) (*string, bool, *batchv1.PodFailurePolicyAction)

// jobs are the specifications of all jobs of the program in a golden file.
func jobs(t *testing.T, name string) []batchv1.JobSpec {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rendered, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var found []batchv1.JobSpec
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var cron batchv1.CronJob
		var job batchv1.Job
		switch {
		case strings.Contains(document, "\nkind: CronJob\n"):
			err = yaml.UnmarshalStrict([]byte(document), &cron)
			found = append(found, cron.Spec.JobTemplate.Spec)
		case strings.Contains(document, "\nkind: Job\n"):
			err = yaml.UnmarshalStrict([]byte(document), &job)
			found = append(found, job.Spec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d jobs", name, len(found))
	}
	return found
}

// failed is a pod whose container ended with the code, moved by the cluster or not.
func failed(job batchv1.JobSpec, code int32, moved bool) *corev1.Pod {
	pod := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
		Name:  job.Template.Spec.Containers[0].Name,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}},
	}}}}
	if moved {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"}}
	}
	return pod
}

// TestWhatAFailureComesTo asks the Job controller's own code what becomes of a Job for every kind of end.
func TestWhatAFailureComesTo(t *testing.T) {
	t.Parallel()
	const again, uncounted, over, shardOver = "another try, counted", "another try, not counted", "the Job fails at once", "the shard fails at once"
	want := map[int32]string{
		1: again, 2: over, 3: over, 4: over, 5: again, 6: again, 7: over, 8: again,
		130: uncounted, 143: uncounted,
		137: again, 139: again, // killed, as for memory, or crashed: not the program's codes
	}
	for _, name := range []string{"base", "sharded", "daemon", "dev", "prod", "migrate", "backfill"} {
		for _, job := range jobs(t, name) {
			for code, want := range want {
				if name == "sharded" && code == 3 {
					want = shardOver // what the other shards read stays, and they go on
				}
				for _, moved := range []bool{false, true} {
					got := again
					message, counted, action := match(job.PodFailurePolicy, failed(job, code, moved))
					switch {
					case message != nil:
						got = over
					case !counted:
						got = uncounted
					case action != nil && *action == batchv1.PodFailurePolicyActionFailIndex:
						got = shardOver
					}
					if moved {
						want = uncounted
					}
					if got != want {
						t.Errorf("%s, code %d, moved %t: %s, want %s (%s)", name, code, moved, got, want, fmt.Sprint(action))
					}
				}
			}
			if limit := job.BackoffLimit; name != "sharded" && (limit == nil || *limit < 1) || name == "sharded" && *job.BackoffLimitPerIndex < 1 {
				t.Errorf("%s: no further try", name)
			}
		}
	}
}
