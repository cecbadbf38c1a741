package registry_test

import (
	"fmt"
	"testing"
	"time"

	"syncer/internal/registry"
)

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 8*3600)
	want := time.Date(2019, 10, 11, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"2019-10-11 08:00:00", "1570752000", "1570752000000", "1.570752e9", "2019-10-11T00:00:00Z", " 2019/10/11 08:00:00 "} {
		if got, ok := registry.ParseTimestamp(text, zone); !ok || !got.At.Equal(want) || got.Raw != text {
			t.Errorf("%q is %+v, understood %t", text, got, ok)
		}
	}
	for text, understood := range map[string]bool{"": true, "0": true, "0001-01-01T00:00:00Z": true, "soon": false, "-5": false} {
		if got, ok := registry.ParseTimestamp(text, zone); ok != understood || !got.At.IsZero() {
			t.Errorf("%q is %+v, understood %t", text, got, ok)
		}
	}
}

// An offset counts wherever it stands; letters that mean several zones are not understood, whatever the machine's zone is.
func TestZonesOfTimestamps(t *testing.T) { //nolint:paralleltest // time.Local is the program's
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Local
	time.Local = shanghai
	defer func() { time.Local = old }()
	want := time.Date(2019, 10, 11, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"2019-10-11 05:30:00 +0530", "2019-10-11 05:30:00+0530", "2019-10-11T05:30:00+0530", "2019-10-11 05:00:00+05", "2019-10-11 05:30:00 +05:30",
		"2019-10-11 00:00:00 UTC", "2019-10-11 00:00:00 +0000 UTC", "Fri, 11 Oct 2019 00:00:00 GMT", "Fri, 11 Oct 2019 00:00:00 UTC",
		"Fri, 11 Oct 2019 05:30:00 +0530", "Fri, 11 Oct 2019 09:00:00",
	} {
		if got, ok := registry.ParseTimestamp(text, time.FixedZone("", 9*3600)); !ok || !got.At.Equal(want) {
			t.Errorf("%q is %s, understood %t, want %s", text, got.At, ok, want)
		}
	}
	for _, text := range []string{"Fri, 11 Oct 2019 08:00:00 CST", "Fri, 11 Oct 2019 08:00:00 EST", "2019-10-11 08:00:00 CST"} {
		for _, zone := range []*time.Location{time.UTC, shanghai} {
			if got, ok := registry.ParseTimestamp(text, zone); ok {
				t.Errorf("%q is understood as %s", text, got.At)
			}
		}
	}
}

func TestShardsCoverEveryRepoOnce(t *testing.T) {
	t.Parallel()
	const shards, repos = 7, 7000
	held := make([]int, shards)
	for i := range repos {
		held[registry.RepoKey{Source: "default", Name: fmt.Sprint("repo", i)}.Shard(shards)]++
	}
	for i, n := range held {
		if n < repos/shards*8/10 || n > repos/shards*12/10 {
			t.Errorf("shard %d holds %d of %d repos", i, n, repos)
		}
	}
	if got := (registry.RepoKey{Source: "default", Name: "ucloud"}).Shard(16); got != 6 {
		t.Errorf("shard of default/ucloud moved to %d: shards of running jobs would overlap", got)
	}
}
