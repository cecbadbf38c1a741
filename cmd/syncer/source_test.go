package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncer/internal/config"
	"syncer/internal/fetch"
)

func TestFetchOptionsTakeEverythingOver(t *testing.T) {
	t.Parallel()
	var zone config.Zone
	if err := zone.UnmarshalText([]byte("Asia/Shanghai")); err != nil {
		t.Fatal(err)
	}
	got := fetchOptions(config.Config{Shard: config.Shard{Index: 3, Count: 7}}, config.Source{
		Name: "cn",
		Access: config.Access{APIBaseURL: "https://api.example.com", Credentials: config.Credentials{
			PublicKey: config.NewSecret("pub"), PrivateKey: config.NewSecret("priv"), SecurityToken: config.NewSecret("tok")}},
		Tuning:   config.Tuning{PageSize: 1, Concurrency: 2, RateLimit: 3, RequestTimeout: 4 * time.Second, MaxAttempts: 5},
		Headers:  map[string]config.Secret{"channel-key": config.NewSecret("brand")},
		TimeZone: zone,
		Projects: []config.Project{{ID: "org-1", Repos: []string{"a"}, Discover: config.DiscoverAll, Include: []string{"b*"}, Exclude: []string{"c*"}}},
	}, nil, nil)
	want := fetch.Options{
		Name: "cn", BaseURL: "https://api.example.com", Headers: map[string]string{"channel-key": "brand"}, Zone: zone.Location(),
		Credentials: fetch.Credentials{PublicKey: "pub", PrivateKey: "priv", SecurityToken: "tok"},
		PageSize:    1, Concurrency: 2, RateLimit: 3, RequestTimeout: 4 * time.Second, MaxAttempts: 5, Shards: 7,
		UserAgent: "syncer/" + version(),
		Projects:  []fetch.Project{{ID: "org-1", Repos: []string{"a"}, Discover: fetch.DiscoverAll, Include: []string{"b*"}, Exclude: []string{"c*"}}},
	}
	opts := cmp.Options{
		cmpopts.IgnoreFields(fetch.Options{}, "Refresh", "Logger", "Transport", "Now", "Rand", "Observe"),
		cmp.Comparer(func(a, b *time.Location) bool { return a == b }),
	}
	if d := cmp.Diff(want, got, opts); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
