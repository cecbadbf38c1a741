package config

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// checkDatabase makes DatabaseURL one address that says everything, so that nothing after it need know libpq's variables.
func (l *loader) checkDatabase(cfg *Config) {
	dsn, where := cfg.DatabaseURL.Reveal(), l.where("database_url")
	if dir, ok := cfg.LocalDir(); ok {
		if dir == "" {
			l.fault("%s: local: names no folder: write local:DIR", where)
		}
		return
	}
	libpq := l.libpq()
	var to address
	var err error
	if dsn == "" {
		where = "PG* variables"
		to, err = libpq.address()
	} else {
		to, err = parseAddress(dsn)
	}
	switch {
	case err != nil:
		l.fault("%s: %v", where, err)
		return
	case len(to) == 0:
		l.fault("DATABASE_URL is missing: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or to local:DIR for a private server")
		return
	}
	if password := libpq["PGPASSWORD"]; password != "" && !to.has("password") {
		to = append(to.without("password"), pair{"password", password})
	}
	l.checkDriver(where, to)
	cfg.DatabaseURL = NewSecret(to.String())
}

// libpqValues are the libpq variables that are set.
type libpqValues map[string]string

func (l *loader) libpq() libpqValues {
	values := libpqValues{}
	for _, s := range Settings() {
		if !strings.HasPrefix(s.Variable, "PG") {
			continue
		}
		if value := l.variable(s); value != "" {
			values[s.Variable] = value
		}
	}
	return values
}

// address is what the variables say; nothing when none of them says where or what the database is.
func (v libpqValues) address() (address, error) {
	if v["PGHOST"]+v["PGPORT"]+v["PGDATABASE"]+v["PGUSER"]+v["PGSERVICE"] == "" {
		return nil, nil
	}
	var a address
	for _, p := range [][2]string{
		{"host", "PGHOST"}, {"port", "PGPORT"}, {"dbname", "PGDATABASE"}, {"user", "PGUSER"}, {"passfile", "PGPASSFILE"},
		{"sslmode", "PGSSLMODE"}, {"sslrootcert", "PGSSLROOTCERT"}, {"service", "PGSERVICE"},
	} {
		if value := v[p[1]]; value != "" {
			a = append(a, pair{p[0], value})
		}
	}
	return a.checked()
}

// checkDriver complains of an address that the driver cannot use. The driver's own words are not passed on: they quote parts of it.
func (l *loader) checkDriver(where string, a address) {
	driver, err := pgxpool.ParseConfig(a.String())
	var pathErr *fs.PathError
	switch {
	case errors.As(err, &pathErr):
		key := "a file that it names"
		for _, p := range a {
			if p.value == pathErr.Path {
				key = p.key
			}
		}
		l.fault("%s: %s: %v: name a readable file", where, key, pathErr.Err)
	case err != nil:
		l.fault("%s: holds a value that the driver does not understand: compare each with https://www.postgresql.org/docs/current/libpq-connect.html", where)
	default:
		// What the variables of libpq and its service file add passes the same gate.
		for _, key := range slices.Sorted(maps.Keys(driver.ConnConfig.RuntimeParams)) {
			if use := dsnKeys[key]; use != keyUsed && use != keyIdle {
				l.fault("%s: the service file or a PG* variable sets what is not known: take it out", where)
				return
			}
		}
	}
}

// has reports whether a key is given a value: an empty one is none, as in libpq.
func (a address) has(key string) bool {
	return slices.ContainsFunc(a, func(p pair) bool { return p.key == key && p.value != "" })
}

func (a address) without(key string) address {
	return slices.DeleteFunc(a, func(p pair) bool { return p.key == key })
}

// String is the one form in which the driver is given an address: of all its forms this has the fewest rules.
func (a address) String() string {
	parts := make([]string, len(a))
	for i, p := range a {
		parts[i] = p.key + "=" + quote(p.value)
	}
	return strings.Join(parts, " ")
}

func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
