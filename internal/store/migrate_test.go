package store_test

import (
	"testing"

	"syncer/internal/pgtest"
	"syncer/internal/store"
)

// A role that is called syncer has schema syncer first on its search path, from the first migration on.
func TestMigrateByRoleNamedLikeTheSchema(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t) + "&search_path=syncer%2Cpublic"
	for i, want := range []bool{true, false} {
		m, err := store.NewMigrator(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		applied, err := m.Up(t.Context())
		m.Close()
		if err != nil || len(applied) > 0 != want {
			t.Fatalf("run %d applied %d migrations: %v", i, len(applied), err)
		}
	}
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}
