// Package registry is the domain of syncer: what a container registry holds, as far as one read of it can tell. It has no
// dependency but the standard library, so every other package can speak in its words.
package registry

import (
	"hash/fnv"
	"time"
)

// RepoKey names a repo for ever. The vendor documents repo names as unique across accounts and projects of one registry, so
// the project is an attribute of a repo and not part of its key.
type RepoKey struct {
	Source string // name of the configured source, e.g. "default"
	Name   string // repo name as the registry spells it
}

// String is the key as people write it: source/name.
func (k RepoKey) String() string { return k.Source + "/" + k.Name }

// Shard tells which of n shards the repo belongs to, 0 to n-1. The answer depends on the key alone, so that independent
// processes agree without talking. n below 2 means a single shard.
func (k RepoKey) Shard(n int) int {
	if n < 2 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(k.Source)) // never fails
	h.Write([]byte{0})
	h.Write([]byte(k.Name))
	return int(h.Sum64() % uint64(n))
}

// Repo is a repo to be read.
type Repo struct {
	Key       RepoKey
	ProjectID string // empty: the account's default project
}

// KnownRepo is a repo that runs have read and that is not gone.
type KnownRepo struct {
	Repo
	Absent       bool      // a complete listing did not hold it, and no look has seen it since
	Unconfigured bool      // the last run that could tell was not meant to read it
	LastComplete time.Time // zero: never
}

// Departures are known repos that neither the configuration of a source nor its lists name any more.
type Departures struct {
	Unlisted []Repo // discovery would have listed them if they were still there as they were
	Foreign  []Repo // of projects that are not configured any more, in a source that discovers its repos
	Empty    bool   // the source discovers its repos, and there is none to read
}
