package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keysOf lists the keys that the file may have, as the struct's tags say.
func keysOf(t reflect.Type, path string) []string {
	var keys []string
	for f := range t.Fields() {
		key, option, _ := strings.Cut(f.Tag.Get("koanf"), ",")
		switch {
		case option == "squash":
			keys = append(keys, keysOf(f.Type, path)...)
		case f.Type == reflect.TypeFor[Credentials]():
			keys = append(keys, keysOf(f.Type, path+key+".")...)
		default:
			keys = append(keys, path+key)
		}
	}
	return keys
}

func TestEverySettingHasAFieldAndEveryFieldASetting(t *testing.T) {
	t.Parallel()
	var settings []string
	for _, s := range Settings() {
		if s.Key != "" {
			settings = append(settings, s.Key)
		}
		if s.Help == "" || strings.ContainsAny(s.Help, "\n|") {
			t.Errorf("%s: help %q is not one line of a table", s.Variable, s.Help)
		}
	}
	fields := slices.DeleteFunc(keysOf(reflect.TypeFor[Config](), ""), func(key string) bool { return key == "sources" })
	slices.Sort(settings)
	slices.Sort(fields)
	if d := cmp.Diff(fields, settings); d != "" {
		t.Errorf("(-fields +settings)\n%s", d)
	}
}

func TestEverySecretSettingIsASecretField(t *testing.T) {
	t.Parallel()
	typed := map[string]reflect.Type{}
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for f := range s.Fields() {
			if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Secret]() {
				walk(f.Type)
			}
			typed[f.Tag.Get("koanf")] = f.Type
		}
	}
	walk(reflect.TypeFor[Config]())
	for _, s := range Settings() {
		if s.Key == "" {
			continue
		}
		leaf := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		if got := typed[leaf] == reflect.TypeFor[Secret](); got != s.Secret {
			t.Errorf("%s: Secret is %t, the field's type is %v", s.Variable, s.Secret, typed[leaf])
		}
	}
}

func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	t.Parallel()
	cfg := load(t, Input{Lookup: env("UCLOUD_PRIVATE_KEY=hunter2", "DATABASE_URL=postgres://u:hunter2@h/d", "UCLOUD_SECURITY_TOKEN=hunter2")})
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", cfg, cfg.Credentials.PrivateKey)
	}
	if err := json.NewEncoder(&out).Encode(cfg); err != nil {
		t.Fatal(err)
	}
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("x", "config", cfg, "key", cfg.Credentials.PrivateKey, "source", &cfg.Sources[0])
	}
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") || !strings.Contains(s, "[redacted]") {
		t.Errorf("a secret shows, or nothing was printed:\n%s", s)
	}
}
