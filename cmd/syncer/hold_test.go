package main

import (
	"context"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"syncer/internal/registry"
	"syncer/internal/store"
)

// hold REPO holds a repo for a run of this process until the script ends.
func (s *script) hold(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	db, err := store.Open(ctx, s.dsn, store.Options{})
	ts.Check(err)
	ts.Defer(db.Close)
	run, err := db.BeginRun(ctx, store.NewRun{Kind: registry.RunSync, Shard: "0/1", Version: "test", StartedAt: time.Now()})
	ts.Check(err)
	ts.Defer(run.Close)
	held, err := run.Claim(ctx, []registry.Repo{{Key: registry.RepoKey{Source: "default", Name: args[0]}}})
	ts.Check(err)
	if len(held) > 0 {
		ts.Fatalf("%s is held already", args[0])
	}
}
