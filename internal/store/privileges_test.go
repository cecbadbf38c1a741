package store_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncer/internal/pgtest"
	"syncer/internal/store"
)

// as is a store that works with the rights of a role of its own, which has no right yet.
func as(t *testing.T, dsn, role string, grants ...string) *store.Store {
	t.Helper()
	owner, err := plain(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := owner.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
		owner.Close(context.Background())
	})
	if _, err := owner.Exec(t.Context(), strings.Join(append([]string{"CREATE ROLE " + role + " LOGIN PASSWORD 'x'"}, grants...), "; ")); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "x")
	s, err := store.Open(t.Context(), u.String(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestMissingPrivileges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	missing := func(s *store.Store) []string {
		t.Helper()
		list, err := s.MissingPrivileges(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := missing(w.s); len(got) > 0 {
		t.Errorf("the owner lacks %v", got)
	}
	role := fmt.Sprint("check_", time.Now().UnixNano()) // roles are of the whole server
	s := as(t, w.dsn, role, "GRANT USAGE ON SCHEMA syncer TO "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA syncer TO "+role,
		"REVOKE DELETE ON syncer.images FROM "+role)
	want := []string{
		"CREATE on schema syncer", "DELETE on table syncer.images", "USAGE on sequence syncer.backfills_backfill_id_seq",
		"USAGE on sequence syncer.repo_numbers", "USAGE on sequence syncer.runs_run_id_seq", "ownership of schema reporting",
		"ownership of table syncer.image_days", "ownership of table syncer.looks", "ownership of table syncer.readings",
	}
	if diff := cmp.Diff(want, missing(s)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	empty := pgtest.Empty(t)
	other := role + "_empty"
	if diff := cmp.Diff([]string{"CREATE on the database, for the first migration"}, missing(as(t, empty, other))); diff != "" {
		t.Errorf("missing before the first migration (-want +got):\n%s", diff)
	}
	execute(t, empty, "REVOKE TEMPORARY ON DATABASE "+databaseOf(t, empty)+" FROM PUBLIC")
	want = []string{"CREATE on the database, for the first migration", "TEMPORARY on the database, for imports"}
	if diff := cmp.Diff(want, missing(as(t, empty, role+"_bare"))); diff != "" {
		t.Errorf("missing without rights on the database (-want +got):\n%s", diff)
	}
	execute(t, empty, "CREATE SCHEMA reporting; GRANT CREATE, TEMPORARY ON DATABASE "+databaseOf(t, empty)+" TO PUBLIC")
	want = []string{"ownership of schema reporting"}
	if diff := cmp.Diff(want, missing(as(t, empty, role+"_beside"))); diff != "" {
		t.Errorf("missing beside another's schema reporting (-want +got):\n%s", diff)
	}
	if version, err := s.ServerVersion(t.Context()); err != nil || !strings.ContainsAny(version, "123456789") {
		t.Errorf("version %q, %v", version, err)
	}
}
