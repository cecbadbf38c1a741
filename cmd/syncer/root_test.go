package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/store"
	"syncer/internal/syncer"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	t.Parallel()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.IsAdditionalHelpTopicCommand() {
			return
		}
		if cmd.Short == "" || !strings.Contains(cmd.Example, "syncer") {
			t.Errorf("%s: short %q, example %q", cmd.CommandPath(), cmd.Short, cmd.Example)
		}
		var out bytes.Buffer
		args := slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--help"})
		if code := run(t.Context(), args, system{out: &out, err: &out, lookup: func(string) (string, bool) { return "", false }}); code != 0 || !strings.Contains(out.String(), cmd.Example) {
			t.Errorf("%v: exit code %d, output\n%s", args, code, out.String())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).rootCommand())
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"help", "settings"}, system{out: &out, err: &out, lookup: func(string) (string, bool) { return "", false }}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, s := range config.Settings() {
		if !strings.Contains(out.String(), "\n  "+s.Variable) || !strings.Contains(out.String(), s.Help) {
			t.Errorf("%s is not in the help", s.Variable)
		}
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	terminated, cancel := context.WithCancelCause(t.Context())
	cancel(stopped{syscall.SIGTERM})
	for _, tt := range []struct {
		ctx  context.Context //nolint:containedctx // the case's input
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("a bug"), 1},
		{t.Context(), usageError{errors.New("unknown flag")}, 2},
		{t.Context(), config.SettingErrors{"x is missing"}, 2},
		{t.Context(), fmt.Errorf("repo: %w", syncer.ErrUnknownRepo), 2},
		{t.Context(), store.ErrDSN, 2},
		{t.Context(), outcomeError{outcome: syncer.Partial}, 3},
		{t.Context(), outcomeError{outcome: syncer.Refused}, 4},
		{t.Context(), outcomeError{outcome: syncer.Unavailable}, 5},
		{t.Context(), fmt.Errorf("apply: %w", store.ErrDatabase), 6},
		{t.Context(), fmt.Errorf("check: %w", store.ErrSchema), 7},
		{t.Context(), fmt.Errorf("repo: %w", syncer.ErrLocked), 8},
		{terminated, fmt.Errorf("run interrupted: %w", context.Cause(terminated)), 143},
		{terminated, fmt.Errorf("migrate up: %w: %w", store.ErrSchema, context.Canceled), 143},
		{terminated, nil, 0},
		{terminated, outcomeError{outcome: syncer.Partial}, 3},
		{t.Context(), context.Canceled, 1},
	} {
		if got := exitCode(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestProgressIsLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		}}))
		p := (&app{}).newProgress(t.Context(), "reading repos", log)
		p.show(3, 40)
		time.Sleep(progressInterval + time.Second)
		p.show(9, 40)
		time.Sleep(progressInterval)
		p.stop()
		want := "msg=\"reading repos\" done=3 total=40 seconds_left=123\nmsg=\"reading repos\" done=9 total=40 seconds_left=69\n"
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

func TestProgressBarOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{terminal: &terminal{w: &out}}
	p := a.newProgress(t.Context(), "reading repos", nil)
	p.show(0, 4)
	drawn := out.String()
	fmt.Fprintln(a.terminal, "a log line")
	fmt.Fprintln(a.terminal, "another")
	logged := strings.TrimPrefix(out.String(), drawn)
	p.stop()
	if !strings.Contains(drawn, "reading repos") || !strings.Contains(drawn, "0/4") {
		t.Errorf("bar: %q", drawn)
	}
	if want := eraseLine + "a log line\nanother\n"; logged != want {
		t.Errorf("log lines beside the bar: %q, want %q", logged, want)
	}
}
