package config

import (
	"errors"
	"io/fs"
	"net/url"
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
	if dsn == "" {
		dsn, where = libpq.address(), "PG* variables"
	}
	if dsn == "" {
		l.fault("DATABASE_URL is missing: set it to postgres://USER:PASSWORD@HOST:PORT/DATABASE, or to local:DIR for a private server")
		return
	}
	dsn = withPassword(dsn, libpq["PGPASSWORD"])
	l.checkDSN(where, dsn)
	cfg.DatabaseURL = NewSecret(dsn)
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

// address is the values as key=value pairs; empty when none of them says where or what the database is.
func (v libpqValues) address() string {
	if v["PGHOST"]+v["PGPORT"]+v["PGDATABASE"]+v["PGUSER"]+v["PGSERVICE"] == "" {
		return ""
	}
	var pairs []string
	for _, p := range [][2]string{
		{"host", "PGHOST"}, {"port", "PGPORT"}, {"dbname", "PGDATABASE"}, {"user", "PGUSER"}, {"passfile", "PGPASSFILE"},
		{"sslmode", "PGSSLMODE"}, {"sslrootcert", "PGSSLROOTCERT"}, {"service", "PGSERVICE"},
	} {
		if value := v[p[1]]; value != "" {
			pairs = append(pairs, p[0]+"="+quote(value))
		}
	}
	return strings.Join(pairs, " ")
}

func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// withPassword adds the password to an address that has none.
func withPassword(dsn, password string) string {
	if password == "" {
		return dsn
	}
	if !isURL(dsn) {
		if strings.Contains(dsn, "password") {
			return dsn
		}
		return dsn + " password=" + quote(password)
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Query().Has("password") {
		return dsn
	}
	if _, has := u.User.Password(); !has {
		query := u.Query()
		query.Set("password", password)
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// checkDSN complains of an address that the driver cannot read. The driver's own words are not passed on: they quote parts of
// the address, and where it is malformed nobody can tell which part is the password.
func (l *loader) checkDSN(where, dsn string) {
	_, err := pgxpool.ParseConfig(dsn)
	var pathErr *fs.PathError
	switch {
	case err == nil:
	case errors.As(err, &pathErr):
		l.fault("%s: %s %s: %v: name a readable file", where, pathErr.Op, pathErr.Path, pathErr.Err)
	case isURL(dsn):
		l.fault("%s: is not a PostgreSQL URL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE, "+
			"special characters of the password as %%XX", where)
	case strings.Contains(dsn, "://"):
		l.fault("%s: is not the URL of a PostgreSQL database: write postgres://USER:PASSWORD@HOST:PORT/DATABASE", where)
	default:
		l.fault("%s: is not a PostgreSQL address: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, host=HOST dbname=DATABASE ..., or local:DIR", where)
	}
}
