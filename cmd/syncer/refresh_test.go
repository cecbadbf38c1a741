package main

import (
	"errors"
	"testing"

	"syncer/internal/config"
	"syncer/internal/fetch"
)

func TestCredentialsAreReadAgainWhenTheyChanged(t *testing.T) {
	t.Parallel()
	token := "old"
	refresh := rereadCredentials("default", fetch.Credentials{PublicKey: "pub", PrivateKey: "priv", SecurityToken: "old"}, func() (config.Config, error) {
		if token == "" {
			return config.Config{}, errors.New("no such file")
		}
		return config.Config{Sources: []config.Source{
			{Name: "other", Access: config.Access{Credentials: config.Credentials{SecurityToken: config.NewSecret("of another")}}},
			{Name: "default", Access: config.Access{Credentials: config.Credentials{
				PublicKey: config.NewSecret("pub"), PrivateKey: config.NewSecret("priv"), SecurityToken: config.NewSecret(token)}}},
		}}, nil
	})
	for _, step := range []struct {
		token, want string // want is empty where there is nothing better
	}{{"old", ""}, {"new", "new"}, {"new", ""}, {"", ""}, {"newer", "newer"}} {
		token = step.token
		got, err := refresh(t.Context())
		if got.SecurityToken != step.want || (err == nil) != (step.want != "") {
			t.Errorf("token %q is there: got %q, %v; want %q", step.token, got.SecurityToken, err, step.want)
		}
	}
}
