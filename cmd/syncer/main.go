// Command syncer keeps the images of container registries, and how often each is pulled, in PostgreSQL.
package main

import (
	"context"
	"os"
	"time"
	_ "time/tzdata" // zones of the configuration, where the system has none

	"golang.org/x/term"
)

func main() {
	ctx, stop := withSignals(context.Background())
	code := run(ctx, os.Args[1:], system{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, errIsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		outWidth: terminalWidth(os.Stdout, os.LookupEnv), lookup: os.LookupEnv, now: time.Now,
	})
	stop()
	os.Exit(code)
}
