package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fieldsOf are the pointers to the fields of a struct and of what it holds, but not of the list of sources.
func fieldsOf(v reflect.Value) map[any]string {
	fields := map[any]string{}
	for f, field := range v.Fields() {
		switch {
		case f.Name == "Sources":
		case f.Anonymous || f.Type == reflect.TypeFor[Credentials]():
			maps.Copy(fields, fieldsOf(field))
		default:
			fields[field.Addr().Interface()] = f.Name
		}
	}
	return fields
}

// Only what a file alone can say of a source or of a project has no variable.
func TestEveryFieldHasASettingThatSetsIt(t *testing.T) {
	t.Parallel()
	var cfg Config
	source := Source{Projects: make([]Project, 1)}
	left := fieldsOf(reflect.ValueOf(&cfg).Elem())
	maps.Copy(left, fieldsOf(reflect.ValueOf(&source).Elem()))
	maps.Copy(left, fieldsOf(reflect.ValueOf(&source.Projects[0]).Elem()))
	for _, s := range Settings() {
		if s.Help == "" || strings.ContainsAny(s.Help, "\n|") {
			t.Errorf("%s: help %q is not one line of a table", s.Variable, s.Help)
		}
		if (s.Key == "") != (s.field == nil) {
			t.Errorf("%s: key %q, and it sets a field: %t", s.Variable, s.Key, s.field != nil)
		}
		if s.field == nil {
			continue
		}
		field := s.field(&cfg, &source)
		if left[field] == "" {
			t.Errorf("%s sets a field that another setting sets, or none", s.Variable)
		}
		delete(left, field)
		if _, secret := field.(*Secret); secret != s.Secret {
			t.Errorf("%s: Secret is %t, the field is a %T", s.Variable, s.Secret, field)
		}
		if s.Default != "" {
			if err := setField(field, written(s.Default, "")); err != nil {
				t.Errorf("%s: default: %v", s.Variable, err)
			}
		}
	}
	got := slices.Sorted(maps.Values(left))
	if d := cmp.Diff([]string{"Exclude", "Headers", "Include", "Name", "Projects", "TimeZone"}, got); d != "" {
		t.Errorf("fields without a setting (-want +got)\n%s", d)
	}
}

func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	t.Parallel()
	cfg := load(t, Input{Lookup: env("UCLOUD_PRIVATE_KEY=hunter2", "DATABASE_URL=postgres://u:hunter2@h/d", "UCLOUD_SECURITY_TOKEN=hunter2")})
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", cfg, cfg.Sources[0].Credentials.PrivateKey)
	}
	if err := json.NewEncoder(&out).Encode(cfg); err != nil {
		t.Fatal(err)
	}
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("x", "config", cfg, "key", cfg.Sources[0].Credentials.PrivateKey, "source", &cfg.Sources[0])
	}
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") || !strings.Contains(s, "[redacted]") {
		t.Errorf("a secret shows, or nothing was printed:\n%s", s)
	}
}
