package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"syncer/internal/config"
	"syncer/internal/report"
)

// everyCommand calls do for each command that people can call.
func everyCommand(t *testing.T, do func(*testing.T, *cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" {
			return
		}
		t.Run(c.CommandPath(), func(t *testing.T) { do(t, c) })
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{}).rootCommand())
}

var toldDefault = regexp.MustCompile(`\(default (.*?)\)`)

func TestHelpOfEveryCommand(t *testing.T) {
	t.Parallel()
	flags := 0
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("short help is %q", c.Short)
		}
		if c.Runnable() && c.Example == "" {
			t.Error("no example")
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			flags++
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			set.AddFlag(f)
			text := set.FlagUsages()
			told := toldDefault.FindAllStringSubmatch(text, -1)
			switch {
			case f.Usage == "":
				t.Errorf("--%s has no help", f.Name)
			case len(told) > 1:
				t.Errorf("--%s tells its default %d times: %s", f.Name, len(told), text)
			// A number has an effect when nobody gives it, so it must be told.
			case len(told) == 0 && (f.Value.Type() == "N" || f.Value.Type() == "int"):
				t.Errorf("--%s does not tell its default: %s", f.Name, text)
			}
		})
	})
	if flags < 50 {
		t.Errorf("%d flags were looked at: too few to show anything", flags)
	}
}

// What the help tells is what happens when nobody gives the flag.
func TestDefaultsThatAreTold(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"schedule": "schedule", "timezone": "timezone", "listen": "listen", "log-level": "log_level"}
	looked := 0
	everyCommand(t, func(t *testing.T, c *cobra.Command) {
		for name, key := range settings {
			f := c.Flag(name)
			if f == nil || f.DefValue != "" {
				continue
			}
			looked++
			told := toldDefault.FindStringSubmatch(f.Usage)
			for _, s := range config.Settings() {
				if s.Key == key && (told == nil || told[1] != s.Default) {
					t.Errorf("--%s tells %q, the setting's default is %q", name, told, s.Default)
				}
			}
		}
		if c.Parent() != nil && c.Parent().Name() == "report" {
			days, rows := report.Defaults(c.Name())
			if got := c.Flags().Lookup("days").Value.(*number); got.value != days {
				t.Errorf("--days is %d, the report's own are %d", got.value, days)
			}
			if f := c.Flags().Lookup("limit"); f != nil && f.Value.(*number).value != rows {
				t.Errorf("--limit is %s, the report's own are %d", f.DefValue, rows)
			}
		}
	})
	if looked < 4 {
		t.Errorf("%d settings were looked at", looked)
	}
}
