package pgtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		os.Exit(helper(os.Getenv(helperVariable)))
	}
	os.Exit(Main(m))
}

// ownTemplate is a template of the test's own: the real one must come from the program's migrations.
func ownTemplate(t *testing.T, migrate func(context.Context, string) error) Template {
	t.Helper()
	from := Template{files: fstest.MapFS{"1.sql": {Data: []byte(t.Name())}}, migrate: migrate}
	t.Cleanup(func() {
		name, err := server(t).template(context.Background(), from)
		if err != nil {
			return // the migration was meant to fail
		}
		for _, sql := range []string{"ALTER DATABASE " + quote(name) + " IS_TEMPLATE false", "DROP DATABASE " + quote(name)} {
			if err := server(t).exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
	})
	return from
}

func createTable(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `CREATE TABLE probe (n int)`)
	return err
}

func count(t *testing.T, dsn, sql string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (s *Server) has(t *testing.T, dsn string) bool {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return count(t, s.URL, "SELECT count(*) FROM pg_database WHERE datname = '"+config.Database+"'") == 1
}

func TestDatabasesAreClonesOfTheirOwn(t *testing.T) {
	t.Parallel()
	from := ownTemplate(t, createTable)
	one, two := New(t, from), New(t, from)
	if got := count(t, one, `WITH i AS (INSERT INTO probe VALUES (1), (2) RETURNING n) SELECT count(*) FROM i`); got != 2 {
		t.Errorf("wrote %d", got)
	}
	if got := count(t, two, `SELECT count(*) FROM probe`); got != 0 {
		t.Errorf("a test sees %d rows of another", got)
	}
	if got := count(t, Empty(t), `SELECT count(*) FROM pg_class WHERE relname = 'probe'`); got != 0 {
		t.Error("the empty database is not empty")
	}
}

func TestDatabaseEndsWithItsTest(t *testing.T) {
	t.Parallel()
	s := server(t)
	for name, test := range map[string]struct{ failed, outlives, kept bool }{
		"passed":                      {outlives: true},
		"failed, server goes":         {failed: true},
		"failed, server stays":        {failed: true, outlives: true, kept: true},
		"passed, with a session left": {outlives: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same := &Server{URL: s.URL, outlives: test.outlives}
			r := &recorder{TB: t, failed: test.failed}
			dsn := same.database(r, "template1")
			left, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer left.Close(t.Context())
			r.end()
			if got := s.has(t, dsn); got != test.kept {
				t.Errorf("kept: %v", got)
			}
			if printed := strings.Contains(strings.Join(r.said, "\n"), dsn); printed != test.kept {
				t.Errorf("said %q", r.said)
			}
			if test.kept {
				r.failed, same.outlives = false, false
				r.end()
			}
		})
	}
}

func TestTemplateIsMadeOnceByManyProcesses(t *testing.T) {
	t.Parallel()
	var made atomic.Int32
	from := ownTemplate(t, func(ctx context.Context, dsn string) error {
		made.Add(1)
		return createTable(ctx, dsn)
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			process := &Server{URL: server(t).URL} // knows no more of the others than another process does
			if _, err := process.template(t.Context(), from); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := made.Load(); got != 1 {
		t.Errorf("migrated %d times", got)
	}
}

func TestHalfMadeTemplateIsMadeAgain(t *testing.T) {
	t.Parallel()
	dies := errors.New("killed half way")
	from := ownTemplate(t, func(ctx context.Context, dsn string) error {
		return errors.Join(createTable(ctx, dsn), dies)
	})
	s := server(t)
	if _, err := s.template(t.Context(), from); !errors.Is(err, dies) {
		t.Fatalf("error %v", err)
	}
	from.migrate = createTable // fails where the table is left
	name, err := s.template(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if got := count(t, s.URL, "SELECT count(*) FROM pg_database WHERE datistemplate AND datname = '"+name+"'"); got != 1 {
		t.Error("the half-made template was taken for whole")
	}
}

func TestHashSeesNamesAndTexts(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]string{}
	for name, files := range map[string]fstest.MapFS{
		"base":    {"1.sql": {Data: []byte("a")}, "2.sql": {Data: []byte("b")}},
		"renamed": {"1.sql": {Data: []byte("a")}, "3.sql": {Data: []byte("b")}},
		"edited":  {"1.sql": {Data: []byte("a")}, "2.sql": {Data: []byte("c")}},
		"moved":   {"1.sql": {Data: []byte("ab")}, "2.sql": {Data: []byte("")}},
	} {
		sum, err := hash(files)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[sum]; ok {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[sum] = name
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:p@h:1/a?sslmode=disable": "postgres://u:p@h:1/b?sslmode=disable",
		"postgresql:///a?host=%2Ftmp%2Fx":      "postgresql:///b?host=%2Ftmp%2Fx",
		"host=/tmp user=u dbname=a":            "host=/tmp user=u dbname=a dbname=b",
	} {
		got := withDatabase(dsn, "b")
		if got != want {
			t.Errorf("%s -> %s, want %s", dsn, got, want)
		}
		if config, err := pgx.ParseConfig(got); err != nil || config.Database != "b" {
			t.Errorf("%s leads to %+v, %v", got, config, err)
		}
	}
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	long := databaseName("TestÜber/" + strings.Repeat("x", 100))
	if len(long) > 63 || !strings.HasPrefix(long, "t_test_ber_xxx") {
		t.Errorf("name %q", long)
	}
	if one, two := databaseName("Test"), databaseName("Test"); one == two {
		t.Errorf("%s twice", one)
	}
}
