// Command withserver runs a command with a PostgreSQL server for tests, whose address it puts into SYNCER_TEST_DATABASE_URL, so that
// the tests of all packages share one:
//
//	go run ./internal/pgtest/withserver [-keep] go test ./...
//
// A server that the variable names already is left as it is. Where none can be had the command is not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"syncer/internal/pgtest"
)

func main() { os.Exit(run()) }

func run() int {
	keep := flag.Bool("keep", false, "when the command fails, leave the server up until interrupted")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: cmd [-keep] COMMAND [ARGUMENT]...")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := pgtest.Find(ctx, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			fmt.Fprintf(os.Stderr, "stop the test server: %v\n", err)
		}
	}()
	fmt.Fprintf(os.Stderr, "tests use %s\n", server.What)
	code := command(ctx, flag.Args(), []string{pgtest.URLVariable + "=" + server.URL})
	if code != 0 && *keep && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "the test server stays up until Ctrl-C: psql '%s'\n", server.URL)
		<-ctx.Done()
	}
	return code
}

// command runs the command and returns its exit code. A signal reaches it too, and it is given the time to end.
func command(ctx context.Context, args, env []string) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", args[0], err)
	return 1
}
