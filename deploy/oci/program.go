package main

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// program is a Go program and what its build wrote into it.
type program struct {
	path    string
	content []byte
	info    *debug.BuildInfo
}

func readProgram(path string) (program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return program{}, fmt.Errorf("read what %s was built of: %w", path, err)
	}
	p := program{path: path, info: info}
	if p.setting("GOOS") != "linux" {
		return program{}, fmt.Errorf("%s is for %s, images are for linux", path, p.setting("GOOS"))
	}
	file, err := elf.Open(path)
	if err != nil {
		return program{}, fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	if slices.ContainsFunc(file.Progs, func(segment *elf.Prog) bool { return segment.Type == elf.PT_INTERP }) {
		return program{}, fmt.Errorf("%s needs a loader, which the image has not: build it with CGO_ENABLED=0", path)
	}
	p.content, err = os.ReadFile(path)
	return p, err
}

func (p program) setting(key string) string {
	for _, s := range p.info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// committed is when the source was; a build outside a repository has no such time.
func (p program) committed() time.Time {
	at, err := time.Parse(time.RFC3339, p.setting("vcs.time"))
	if err != nil {
		at = time.Unix(0, 0)
	}
	return at.UTC()
}

// tag is the version in the characters that a tag may have.
func (p program) tag() string {
	return strings.NewReplacer("+", "-", "(", "", ")", "").Replace(p.info.Main.Version)
}
