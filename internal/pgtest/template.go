package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// template returns the name of the migrated template database, making it when this server has none yet. Test processes that
// share the server make it once: the lock is the database server's.
func (s *Server) template(ctx context.Context, from Template) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, err := hash(from.files)
	if err != nil {
		return "", fmt.Errorf("hash the migrations: %w", err)
	}
	name := "syncer_template_" + hex.EncodeToString(sum[:6])
	if s.templates[name] {
		return name, nil
	}
	if err := s.makeTemplate(ctx, name, int64(binary.BigEndian.Uint64(sum[:8])), from.migrate); err != nil {
		return "", fmt.Errorf("make template database %s: %w", name, err)
	}
	if s.templates == nil {
		s.templates = map[string]bool{}
	}
	s.templates[name] = true
	return name, nil
}

func (s *Server) makeTemplate(ctx context.Context, name string, lock int64, migrate func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, opLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // which also gives the lock back
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lock); err != nil {
		return err
	}
	var whole bool
	err = conn.QueryRow(ctx, `SELECT datistemplate FROM pg_database WHERE datname = $1`, name).Scan(&whole)
	switch {
	case err == nil && whole:
		return nil
	case err == nil: // its maker died before the last step
		_, err = conn.Exec(ctx, "DROP DATABASE "+quote(name)+" WITH (FORCE)")
	case errors.Is(err, pgx.ErrNoRows):
		err = nil
	}
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quote(name)); err != nil {
		return err
	}
	if err := migrate(ctx, withDatabase(s.URL, name)); err != nil {
		return err
	}
	// The mark of a whole template comes last. Without connections nothing can be in the way of a clone.
	_, err = conn.Exec(ctx, "ALTER DATABASE "+quote(name)+" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")
	return err
}

// hash covers the names and texts of all files.
func hash(files fs.FS) ([sha256.Size]byte, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(h, "%s %d\n", path, len(text))
		h.Write(text)
		return err
	})
	return [sha256.Size]byte(h.Sum(nil)), err
}

// withDatabase is the connection string, of either form, for another database of the same server.
func withDatabase(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.Path = "/" + name
		return u.String()
	}
	return dsn + " dbname=" + name // of a key that stands twice the last value counts
}
