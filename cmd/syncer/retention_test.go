package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/config"
	"syncer/internal/pgtest"
	"syncer/internal/store"
)

// What an import or a verification reads is left to the next run, which is no fault of this one.
func TestRetentionWaitsForReaders(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Empty(t)
	m, err := store.NewMigrator(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Up(t.Context())
	m.Close()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dsn, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	run("SELECT syncer.make_partitions('2026-01-15Z', '2026-03-15Z')")
	run("INSERT INTO syncer.looks (repo_id, at, run_id, status, weight) VALUES (1, '2026-01-20Z', 1, 'ok', 2), (1, '2026-02-20Z', 1, 'ok', 2)")
	var log bytes.Buffer
	a := &app{system: system{now: func() time.Time { return time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC) }}}
	retain := func(want string) {
		t.Helper()
		log.Reset()
		cfg := config.Config{Shard: config.Shard{Count: 1}, HistoryRetention: config.Retention{Months: 2}, LooksRetention: config.Retention{Days: 30}}
		if err := a.retain(t.Context(), s, cfg, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Error(err)
		}
		if got := log.String(); !strings.Contains(got, want) || strings.Contains(got, "ERROR") {
			t.Errorf("log without %s:\n%s", want, got)
		}
	}
	run("BEGIN; LOCK TABLE syncer.retention IN ROW SHARE MODE")
	retain(`"old months of looks are left to the next run"`)
	run("COMMIT")
	retain(`"month of looks dropped" month=2026-02 rows=1`)
	var history, looks time.Time
	if err := conn.QueryRow(t.Context(), "SELECT history_from, looks_from FROM syncer.retention").Scan(&history, &looks); err != nil {
		t.Fatal(err)
	}
	if history.UTC().Format(time.DateOnly) != "2026-02-01" || looks.UTC().Format(time.DateOnly) != "2026-03-01" {
		t.Errorf("history from %s, looks from %s", history, looks)
	}
}
