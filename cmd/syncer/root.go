package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/console"
)

// system is what the process has and commands are handed: nothing below main reaches for it itself.
type system struct {
	in            io.Reader
	out, err      io.Writer
	errIsTerminal bool
	outWidth      int // columns of the terminal that out is; 0: none
	lookup        func(variable string) (string, bool)
	now           func() time.Time
}

// app is one call of the program.
type app struct {
	system
	terminal *terminal // standard error, when it is one
	flags    globalFlags
	started  bool // the command line was understood
}

// run does one command and returns the exit code.
func run(ctx context.Context, args []string, sys system) int {
	a := &app{system: sys}
	a.limitMemory()
	if sys.errIsTerminal {
		a.terminal = &terminal{w: sys.err}
		a.err = a.terminal
	}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		err = usageError{err}
	}
	a.complain(cmd, err)
	return exitCode(ctx, err)
}

// complain says what is wrong, a line for each fault. Only who mistyped the command line is helped by its usage.
func (a *app) complain(cmd *cobra.Command, err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(a.err, "syncer: %s\n", console.Printable(line))
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(a.err, "Usage: %s\nRun \"%s --help\" for what it takes.\n", cmd.UseLine(), cmd.CommandPath())
	}
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "syncer",
		Short: "Keep the images of container registries, and how often each is pulled, in PostgreSQL",
		Long: `syncer reads the image lists of UCloud-family container registries and keeps them in PostgreSQL, with the history of every
image's pull count. Settings come from flags, the environment, and a YAML file; "syncer help settings" lists them.`,
		Example: `  export DATABASE_URL=local:./data UCLOUD_PUBLIC_KEY=... UCLOUD_PRIVATE_KEY=... SYNCER_REPOS=web,base
  syncer sync
  syncer status`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          needsSubcommand,
		PersistentPreRun: func(*cobra.Command, []string) {
			a.started = true
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	a.flags.add(root)
	root.AddCommand(a.syncCommand(), a.runCommand(), a.checkCommand(), a.backfillCommand(), a.exportCommand(), a.migrateCommand(), a.reportCommand(), a.statusCommand(), a.verifyCommand(), a.demoCommand(),
		a.versionCommand(), completionCommand(), settingsTopic())
	return root
}

// needsSubcommand is what a command does that only groups others: silence would look like success to a scheduler.
func needsSubcommand(cmd *cobra.Command, _ []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usageError{fmt.Errorf("name a command: %s", strings.Join(names, ", "))}
}
