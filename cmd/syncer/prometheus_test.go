package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// prometheusConfig makes a Prometheus scrape the daemon and evaluate the rules that are shipped, every second.
const prometheusConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: syncer
    static_configs: [{targets: [%q]}]
`

// A real Prometheus scrapes the daemon, and the rules that are shipped fire on what is planted.
func TestPrometheusAlerts(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		const text = "prometheus is not installed (Debian: apt-get install prometheus), so no real one scrapes the daemon"
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	world, server := smallRegistry(t, 2, 40)
	d := startDaemon(t, pgtest.Empty(t), server, "SYNCER_SCHEDULE=@every 1s", "SYNCER_MAX_ATTEMPTS=1")
	url := startPrometheus(t, binary, strings.TrimPrefix(d.url, "http://"))
	eventually(t, time.Minute, "a scrape of a good run", func() bool {
		return query(t, url, `syncer_images{job="syncer",source="default"}`) == 80
	})
	if firing := alerts(t, url); len(firing) > 0 {
		t.Errorf("while all is well these fire: %v", firing)
	}

	// A repo of 40 images is suddenly down to one.
	for i := 1; i < 40; i++ {
		world.RemoveImage("repo-00", fmt.Sprintf("img-%05d", i))
	}
	eventually(t, time.Minute, "SyncerReposHeld fires", func() bool { return alerts(t, url)["SyncerReposHeld"] })

	server.Set(fakeapi.Faults(fakeapi.Rule{Do: faults.RetCode(172, "User Not Exists")}))
	eventually(t, time.Minute, "SyncerAPIRefusing fires", func() bool { return alerts(t, url)["SyncerAPIRefusing"] })
	if code, _ := d.stop(syscall.SIGTERM); code != 0 && code != exitSignal+int(syscall.SIGTERM) {
		t.Errorf("ended with %d", code)
	}
}

// startPrometheus runs a Prometheus that scrapes the target, and returns its address.
func startPrometheus(t *testing.T, binary, target string) string {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("../../deploy/prometheus/syncer.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, rules, target), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // only its port is wanted
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of Prometheus:\n%s", text)
		}
	})
	return "http://" + address
}

// ask decodes an answer of Prometheus' API into v; false when it does not answer yet.
func ask(t *testing.T, url string, v any) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(v) == nil
}

// query is the value of an expression with one result, or -1.
func query(t *testing.T, url, expression string) float64 {
	t.Helper()
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if !ask(t, url+"/api/v1/query?query="+strings.NewReplacer(`{`, "%7B", `}`, "%7D", `"`, "%22").Replace(expression), &answer) || len(answer.Data.Result) != 1 {
		return -1
	}
	var value float64
	if _, err := fmt.Sscan(fmt.Sprint(answer.Data.Result[0].Value[1]), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// alerts are the names of those that fire.
func alerts(t *testing.T, url string) map[string]bool {
	t.Helper()
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	ask(t, url+"/api/v1/alerts", &answer)
	firing := map[string]bool{}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			firing[a.Labels["alertname"]] = true
		}
	}
	return firing
}
