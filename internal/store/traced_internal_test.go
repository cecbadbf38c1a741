package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenTraced is Open with a tracer that is told of every statement.
func OpenTraced(ctx context.Context, dsn string, tracer pgx.QueryTracer) (*Store, error) {
	s, err := Open(ctx, dsn, Options{})
	if err != nil {
		return nil, err
	}
	config := s.pool.Config()
	s.pool.Close()
	config.ConnConfig.Tracer = tracer
	s.pool.Pool, err = pgxpool.NewWithConfig(ctx, config)
	return s, err
}
