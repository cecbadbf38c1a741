package main

import (
	"slices"
	"syscall"
	"testing"
)

func TestEndingsHaveNames(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		exitOK: "complete", exitPartial: "partial", exitRefused: "refused", exitUnavailable: "unavailable", exitLocked: "locked",
		exitInternal: "failed", exitUsage: "failed", exitDatabase: "failed", exitSchema: "failed",
		exitSignal + int(syscall.SIGTERM): "interrupted",
	} {
		if got := endingName(code); got != want || !slices.Contains(endingNames(), got) {
			t.Errorf("exit code %d is called %q, want %q, one of %v", code, got, want, endingNames())
		}
	}
}
