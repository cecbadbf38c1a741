package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"syncer/internal/fakeapi"
	"syncer/internal/fakeapi/faults"
	"syncer/internal/pgtest"
)

// A backfill beside a sync of the same repos reads them all, and only then calls itself complete.
func TestBackfillBesideASync(t *testing.T) {
	t.Parallel()
	const repos = 40
	dsn := pgtest.Empty(t)
	world := fakeapi.NewWorld()
	server, err := fakeapi.NewServer(world)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var names []string
	for i := range repos {
		names = append(names, fmt.Sprintf("repo-%02d", i))
		world.AddRepo(fakeapi.Repo{Name: names[i]})
		world.Fill(names[i], 3)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program(t), append(args, "--log-level", "error", "--output", "json")...)
		cmd.Env = []string{"DATABASE_URL=" + dsn, "UCLOUD_API_BASE_URL=" + server.URL, "UCLOUD_PUBLIC_KEY=" + server.PublicKey,
			"UCLOUD_PRIVATE_KEY=" + server.PrivateKey, "SYNCER_REPOS=" + strings.Join(names, ","), "SYNCER_RATE_LIMIT=0", "PATH=" + os.Getenv("PATH")}
		return cmd
	}
	if out, err := command("migrate", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	release := make(chan struct{})
	asked := make(chan struct{}, 10*repos)
	server.Set(fakeapi.FaultFunc(func(fakeapi.Request) fakeapi.Fault {
		asked <- struct{}{}
		return faults.Hang(release)
	}))
	sync := command("sync")
	if err := sync.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked // it holds some by now
	server.Set(fakeapi.FaultFunc(nil))
	time.AfterFunc(2*time.Second, func() { close(release) })
	out, err := command("backfill").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"repos_ok":40,`) || !strings.Contains(string(out), `"repos_locked":0,`) {
		t.Errorf("backfill: %v\n%s", err, out)
	}
	if err := sync.Wait(); err != nil {
		t.Errorf("sync: %v", err)
	}
}
