package config

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// writtenLine is one line of testdata/addresses.txt.
type writtenLine struct {
	text, password string
	refused        bool
}

func addresses(t *testing.T, host, port string) (list []writtenLine) {
	t.Helper()
	file, err := os.Open("testdata/addresses.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.NewReplacer("{host}", host, "{port}", port).Replace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		text, rest, _ := strings.Cut(line, "\t")
		var w writtenLine
		if w.text, err = strconv.Unquote(text); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if w.refused = rest == "refused"; !w.refused {
			if w.password, err = strconv.Unquote(rest); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		list = append(list, w)
	}
	if len(list) < 90 {
		t.Fatalf("only %d addresses", len(list))
	}
	return list
}

// An writtenLine is understood as its writer means it, or refused with words that hold nothing of it. What is understood names no other
// host than the one that stands there: a second one would be asked of name servers.
func TestAddressesAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	const host, port = "db.test", "6543"
	for _, w := range addresses(t, host, port) {
		for name, in := range map[string]Input{
			"DATABASE_URL":      {Lookup: env("DATABASE_URL=" + w.text)},
			"DATABASE_URL_FILE": {Lookup: env("DATABASE_URL=", "DATABASE_URL_FILE="+write(t, "dsn", w.text))},
			"database_url_file": {Lookup: env("DATABASE_URL="), File: write(t, "f.yaml", "database_url_file: "+strconv.Quote(write(t, "dsn", w.text)))},
			"beside PG*":        {Lookup: env("DATABASE_URL="+w.text, "PGHOST=stranger", "PGPASSWORD=other", "PGUSER=other", "PGDATABASE=other")},
		} {
			if name == "DATABASE_URL" && strings.Contains(w.text, "\x00") {
				continue // no environment can hold it
			}
			in.Need = NeedDatabase
			cfg, err := Load(in)
			switch {
			case w.refused && err == nil:
				t.Errorf("%s %q: accepted as %s", name, w.text, cfg.DatabaseURL.Reveal())
			case w.refused:
				for _, part := range []string{"hunter2", "sesame", "@" + host} {
					if strings.Contains(err.Error(), part) {
						t.Errorf("%s %q: %v", name, w.text, err)
					}
				}
			case err != nil:
				t.Errorf("%s %q: %v", name, w.text, err)
			default:
				got, err := pgx.ParseConfig(cfg.DatabaseURL.Reveal())
				if err != nil {
					t.Fatal(err)
				}
				if got.Password != w.password || got.Host != host || strconv.Itoa(int(got.Port)) != port || !strings.HasPrefix(got.User, "u") {
					t.Errorf("%s %q: password %q, host %q, port %d, user %q", name, w.text, got.Password, got.Host, got.Port, got.User)
				}
			}
		}
	}
}

// A variable of libpq that was given something else than it is named for sends nothing and tells nothing.
func TestMisplacedLibpqVariables(t *testing.T) {
	t.Parallel()
	for _, set := range []string{
		"PGHOST=postgres://u:hunter2@db.test/d", "PGHOST=u:hunter2@db.test", "PGHOST=hunter2@db.test", "PGHOST=db.test password=hunter2", "PGPORT=hunter2", "PGPORT=5432@hunter2",
		"PGDATABASE=postgres://u:hunter2@db.test/d", "PGDATABASE=host=db.test password=hunter2", "PGUSER=u:hunter2", "PGUSER=postgres://u:hunter2@db.test/d",
		"PGSSLMODE=hunter2", "PGSSLROOTCERT=/no/hunter2", "PGSERVICE=postgres://u:hunter2@db.test/d", "PGSERVICE=hunter2",
	} {
		got := faults(t, Input{Lookup: env("DATABASE_URL=", "PGHOST=db.test", "PGSSLMODE=verify-full", set), Need: NeedDatabase})
		if len(got) != 1 || strings.Contains(got[0], "hunter2") || strings.Contains(got[0], "db.test") {
			t.Errorf("%s: %q", set, got)
		}
	}
}

func TestPasswordBesideAddress(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u@db.test/d?options=-c%20statement_timeout%3D60000":        "h u nter2",
		"host=db.test user=u options='-c statement_timeout=60000'":             "h u nter2",
		"postgres://u:@db.test/d?options=-c%20statement_timeout%3D60000":       "h u nter2",
		"host=db.test user=u password='' options='-c statement_timeout=60000'": "h u nter2",
		"postgres://u:own@db.test?options=-c%20statement_timeout=60000":        "own",
	} {
		cfg := load(t, Input{Lookup: env("DATABASE_URL="+dsn, "PGPASSWORD=h u nter2"), Need: NeedDatabase})
		got, err := pgx.ParseConfig(cfg.DatabaseURL.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if got.Password != want || got.RuntimeParams["options"] != "-c statement_timeout=60000" {
			t.Errorf("%s: password %q, options %q", dsn, got.Password, got.RuntimeParams["options"])
		}
	}
}

// The driver would send keys of libpq that it does not know to the server.
func TestKeysThatTheDriverDoesNotKnow(t *testing.T) {
	t.Parallel()
	for key, use := range dsnKeys {
		for _, form := range []string{"host=db.test %s=0", "postgres://db.test/?%s=0"} {
			cfg, err := Load(Input{Lookup: env("DATABASE_URL=" + strings.Replace(form, "%s", key, 1)), Need: NeedDatabase})
			if refused := (use == keyRefused || use == keyHostAddr) && key != "requiressl" && key != "replication"; refused && (err == nil || !strings.Contains(err.Error(), key)) {
				t.Errorf("%s: %v", key, err)
			}
			if use != keyUsed && strings.Contains(cfg.DatabaseURL.Reveal(), key) {
				t.Errorf("%s gets to the driver", key)
			}
		}
	}
	got := load(t, Input{Lookup: env("DATABASE_URL=postgres://db.test,[::1]:5433,%2Ftmp/d?gssencmode=disable&keepalives=1&channel_binding=prefer"), Need: NeedDatabase})
	if want := "host='db.test,::1,/tmp' port=',5433,' dbname='d' channel_binding='prefer'"; got.DatabaseURL.Reveal() != want {
		t.Errorf("%s, want %s", got.DatabaseURL.Reveal(), want)
	}
}

func TestWhatStandsAroundAValueIsTakenOff(t *testing.T) {
	t.Parallel()
	for _, around := range [][2]string{{`"`, `"`}, {"'", "'"}, {" ", "\t"}, {"\ufeff", "\r\n"}, {"“", "”"}, {"\ufeff \"'", "'\" \n"}} {
		wrap := func(value string) string { return around[0] + value + around[1] }
		file := write(t, "key", wrap("priv"))
		cfg := load(t, Input{Lookup: env("UCLOUD_PUBLIC_KEY="+wrap("pub"), "UCLOUD_PRIVATE_KEY=", "UCLOUD_PRIVATE_KEY_FILE="+wrap(file),
			"SYNCER_REPOS="+wrap("a")+","+wrap("b"), "SYNCER_PAGE_SIZE="+wrap("7"), "SYNCER_LOG_LEVEL="+wrap("debug"), "DATABASE_URL="+wrap("local:/x"))})
		if dir, _ := cfg.LocalDir(); cfg.Sources[0].Credentials.PublicKey.Reveal() != "pub" || cfg.Sources[0].Credentials.PrivateKey.Reveal() != "priv" ||
			cfg.Sources[0].PageSize != 7 || cfg.LogLevel.String() != "DEBUG" || dir != "/x" || strings.Join(cfg.Sources[0].Projects[0].Repos, "|") != "a|b" {
			t.Errorf("within %q: %+v", around, cfg)
		}
	}
}
