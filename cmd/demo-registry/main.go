// Command demo-registry serves the simulated registry to the containers of the demo. It lives through 90 days that end now, can
// write down what somebody who looked every six hours saw of them, and then goes on being pulled from as it is looked at.
//
//	demo-registry -listen :8080 -archive /archive/history.ndjson
//	demo-registry -ready http://127.0.0.1:8080
//
// The archive is in the form that `syncer backfill --from` reads. -ready is for health checks: it ends with 0 when a registry
// answers there, and it answers once the archive is written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"syncer/internal/demo"
	"syncer/internal/fakeapi"
)

const (
	days        = 90
	step        = 6 * time.Hour   // between two looks of the archive
	pullEvery   = 2 * time.Second // of the life after it
	pullsAtOnce = 3               // at most
	stopTimeout = 5 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], time.Now)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo-registry:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, now func() time.Time) error {
	flags := flag.NewFlagSet("demo-registry", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "`ADDRESS` to serve on")
	archive := flags.String("archive", "", "`FILE` for the observations of the past")
	ready := flags.String("ready", "", "ask whether a registry answers at this `URL`, and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *ready != "" {
		return answers(ctx, *ready)
	}
	sim := demo.NewSimulation(demo.SimulationConfig{Seed: 1, Start: now().Add(-days * 24 * time.Hour), Days: days, Step: step})
	history := past(sim)
	if *archive != "" {
		if err := save(*archive, history); err != nil {
			return fmt.Errorf("write the archive: %w", err)
		}
	}
	go live(ctx, sim.World(), now)
	return serve(ctx, *listen, fakeapi.New(sim.World()))
}

// save writes the archive under its name only when it is whole.
func save(path string, history []observation) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = errors.Join(write(file, history), file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// live lets images be pulled until the context ends.
func live(ctx context.Context, world *fakeapi.World, now func() time.Time) {
	tick := time.NewTicker(pullEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		world.SetTime(now())
		repos := world.Repos()
		repo := repos[rand.IntN(len(repos))].Name
		if images := world.Images(repo); len(images) > 0 {
			world.Pull(repo, images[rand.IntN(len(images))].Name, 1+rand.Int64N(pullsAtOnce))
		}
	}
}

func serve(ctx context.Context, address string, api http.Handler) error {
	server := &http.Server{Addr: address, Handler: api, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		_ = server.Shutdown(ending) // whatever it says, the process ends
	})
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answers asks whether anything speaks HTTP there; to a call without an action the registry says that one is missing.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
