package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"
	"github.com/testcontainers/testcontainers-go/wait"
)

const (
	defaultImage = "postgres:17-alpine"
	// pullLimit and bootLimit bound what comes after the sign of life.
	pullLimit, bootLimit = 5 * time.Minute, time.Minute
)

// docker is the way to a server by a Docker engine. Its limits bound the wait for an answer, so that tests start soon where none
// comes.
type docker struct{ engineLimit, registryLimit time.Duration }

var usualDocker = docker{engineLimit: 3 * time.Second, registryLimit: 3 * time.Second}

// leash ends the container with the test process, however that ends: the engine closes the container's input when the
// connection to this process breaks. It takes the place of testcontainers' own reaper, whose image may not be at hand.
const leash = `docker-entrypoint.sh "$@" & cat >/dev/null`

// start starts the server in a container, when an engine answers and has the image or can pull it. The library panics where an
// engine answers once and then no more, and another way to a server may be open.
func (d docker) start(ctx context.Context, getenv func(string) string) (s *Server, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("testcontainers gave up: %v", p)
		}
	}()
	image := getenv(imageVariable)
	if image == "" {
		image = defaultImage
	}
	// The library reads its settings from the environment, once. It would ask the engine twice more for the path of its socket,
	// which only the reaper needs.
	for name, value := range map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE": "unused"} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	log.SetDefault(silent{})
	cli, err := d.engine(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.obtain(ctx, cli, image); err != nil {
		cli.Close()
		return nil, err
	}
	if s, err = runContainer(ctx, cli, image); err != nil {
		cli.Close()
		return nil, fmt.Errorf("run %s: %w", image, err)
	}
	return s, nil
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// engine connects to the Docker engine.
func (d docker) engine(ctx context.Context) (*testcontainers.DockerClient, error) {
	ctx, cancel := context.WithTimeout(ctx, d.engineLimit)
	defer cancel()
	cli, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("no engine answers: %w", err)
	}
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err == nil {
		err = reachPorts(info.Info.Name)
	}
	if err != nil {
		cli.Close()
		return nil, fmt.Errorf("ask the engine: %w", err)
	}
	return cli, nil
}

// reachPorts tells the library that ports are on this host when the engine says it runs here. It would take a virtual
// machine that has the file /.dockerenv for a container and wait a minute on a gateway's address.
func reachPorts(engineHost string) error {
	const variable = "TESTCONTAINERS_HOST_OVERRIDE"
	if host, err := os.Hostname(); err != nil || host != engineHost || os.Getenv(variable) != "" {
		return err
	}
	return os.Setenv(variable, "127.0.0.1")
}

// obtain makes sure of the image. A registry that says nothing for that long is taken for one that is out of reach.
func (d docker) obtain(ctx context.Context, cli *testcontainers.DockerClient, image string) error {
	if err := d.inspect(ctx, cli, image); err == nil || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pullLimit, errors.New("pull takes too long"))
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	timer := time.AfterFunc(d.registryLimit, func() { giveUp(errors.New("no answer from the registry")) })
	defer timer.Stop()
	if err := pull(ctx, cli, image, timer); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // the library's words for it are of contexts
		}
		return fmt.Errorf("image %s is not here and cannot be pulled: %w", image, err)
	}
	return nil
}

func (d docker) inspect(ctx context.Context, cli *testcontainers.DockerClient, image string) error {
	ctx, cancel := context.WithTimeout(ctx, d.engineLimit)
	defer cancel()
	if _, err := cli.ImageInspect(ctx, image); err != nil {
		return fmt.Errorf("ask the engine for image %s: %w", image, err)
	}
	return nil
}

// pull pulls the image and stops the timer at the registry's first word.
func pull(ctx context.Context, cli *testcontainers.DockerClient, image string, timer *time.Timer) error {
	stream, err := cli.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	for message, err := range stream.JSONMessages(ctx) {
		timer.Stop()
		if err != nil {
			return err
		}
		if message.Error != nil {
			return message.Error
		}
	}
	_, err = cli.ImageInspect(ctx, image)
	return err
}

// runContainer starts the server on its leash and waits until it is ready.
func runContainer(ctx context.Context, cli *testcontainers.DockerClient, image string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	var input io.Closer
	attach := func(ctx context.Context, c testcontainers.Container) error {
		conn, err := cli.ContainerAttach(context.WithoutCancel(ctx), c.GetContainerID(), client.ContainerAttachOptions{Stream: true, Stdin: true})
		if err == nil {
			input = conn.Conn
		}
		return err
	}
	ctr, err := postgres.Run(ctx, image,
		postgres.WithPassword(rand.Text()), // the port may be open to the network
		testcontainers.WithEntrypoint("sh", "-c", leash, "sh"),
		testcontainers.WithCmdArgs("-c", "max_connections="+maxConnections, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.OpenStdin, c.StdinOnce = true, true }),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) { c.AutoRemove = true }),
		testcontainers.WithAdditionalLifecycleHooks(testcontainers.ContainerLifecycleHooks{
			PostCreates: []testcontainers.ContainerHook{attach},
		}),
		// The image starts a server to fill the data folder and then another, both of which say that they are ready.
		testcontainers.WithWaitStrategy(wait.ForLog("database system is ready to accept connections").WithOccurrence(2)),
	)
	var dsn string
	if err == nil {
		dsn, err = ctr.ConnectionString(ctx, "sslmode=disable")
	}
	if err != nil {
		if input != nil {
			input.Close()
		}
		return nil, err
	}
	stop := func(ctx context.Context) error {
		defer cli.Close()
		return release(ctx, cli, ctr.GetContainerID(), input)
	}
	return &Server{URL: dsn, What: "a container of " + image, stop: stop}, nil
}

// release lets go of the leash and waits until the container is removed.
func release(ctx context.Context, cli *testcontainers.DockerClient, id string, leash io.Closer) error {
	removed := cli.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	if err := leash.Close(); err != nil {
		return err
	}
	select {
	case <-removed.Result:
		return nil
	case err := <-removed.Error:
		return err
	}
}
