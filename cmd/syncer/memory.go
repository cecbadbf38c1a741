package main

import "runtime/debug"

// memoryLimit is what the garbage collector aims at, in bytes. A repo of a million images is about 200 MiB in memory and should
// pass through a container of 400; without a limit the heap grows to twice what is in use.
const memoryLimit = 340 << 20

// limitMemory sets the limit unless GOMEMLIMIT sets another.
func (a *app) limitMemory() {
	if _, set := a.lookup("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
