package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncer/internal/config"
)

// globalFlags belong to every command.
type globalFlags struct {
	config    string
	logLevel  enum
	logFormat enum
	output    enum
}

const (
	outputText = "text"
	outputJSON = "json"
)

func (g *globalFlags) add(root *cobra.Command) {
	g.logLevel = enum{allowed: []string{"debug", "info", "warn", "error"}}
	g.logFormat = enum{allowed: []string{"text", "json"}}
	g.output = enum{value: outputText, allowed: []string{outputText, outputJSON}}
	flags := root.PersistentFlags()
	flags.StringVar(&g.config, "config", "", "YAML `FILE` with settings")
	flags.Var(&g.logLevel, "log-level", "debug, info, warn or error"+defaultOf("log_level"))
	flags.Var(&g.logFormat, "log-format", "text or json (default text on a terminal, else json)")
	flags.Var(&g.output, "output", "text or json: what is printed on standard output")
}

// defaultOf says in a flag's help what a setting is when neither flag nor variable nor file sets it.
func defaultOf(key string) string {
	for _, s := range config.Settings() {
		if s.Key == key {
			return fmt.Sprintf(" (default %s)", s.Default)
		}
	}
	return ""
}

// enum is a flag that takes one of some words.
type enum struct {
	value   string
	allowed []string
}

func (e *enum) String() string { return e.value }
func (e *enum) Type() string   { return strings.Join(e.allowed, "|") }

func (e *enum) Set(text string) error {
	if !slices.Contains(e.allowed, text) {
		return fmt.Errorf("must be one of %s", strings.Join(e.allowed, ", "))
	}
	e.value = text
	return nil
}

// load reads the configuration for a command and makes the logger that it asks for.
func (a *app) load(in config.Input) (config.Config, *slog.Logger, error) {
	in.Lookup, in.File = a.lookup, a.flags.config
	if in.Flags == nil {
		in.Flags = map[string]config.Flag{}
	}
	if v := a.flags.logLevel.value; v != "" {
		in.Flags["log_level"] = config.Flag{Name: "--log-level", Value: v}
	}
	if v := a.flags.logFormat.value; v != "" {
		in.Flags["log_format"] = config.Flag{Name: "--log-format", Value: v}
	}
	cfg, err := config.Load(in)
	if err != nil {
		return cfg, nil, err
	}
	return cfg, a.logger(cfg), nil
}

// logger writes to standard error: text where a person reads, JSON where a program does.
func (a *app) logger(cfg config.Config) *slog.Logger {
	opt := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" || cfg.LogFormat == "" && a.terminal != nil {
		return slog.New(slog.NewTextHandler(a.err, opt))
	}
	return slog.New(slog.NewJSONHandler(a.err, opt))
}
