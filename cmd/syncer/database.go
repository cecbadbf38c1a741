package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"syncer/internal/config"
	"syncer/internal/localpg"
	"syncer/internal/store"
)

// stopTimeout bounds the end of a private server, which may have a checkpoint to write.
const stopTimeout = 30 * time.Second

// withDSN calls do with the address of the configured database, and runs a private server meanwhile when it is local:DIR.
func withDSN(ctx context.Context, cfg config.Config, log *slog.Logger, do func(dsn string) error) error {
	dir, ok := cfg.LocalDir()
	if !ok {
		return do(cfg.DatabaseURL.Reveal())
	}
	return withServer(ctx, localpg.Options{Dir: dir, Logger: log}, do)
}

func withServer(ctx context.Context, opt localpg.Options, do func(dsn string) error) (err error) {
	server, err := localpg.Start(ctx, opt)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrDatabase, err)
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if stopErr := server.Stop(stopping); stopErr != nil && err == nil {
			err = fmt.Errorf("%w: stop the private server: %w", store.ErrDatabase, stopErr)
		}
	}()
	return do(server.DSN(localpg.Database))
}

// withStore calls do with the database, whose schema is known to fit. migrate makes it fit first.
func withStore(ctx context.Context, dsn string, log *slog.Logger, migrate bool, do func(*store.Store) error) error {
	if migrate {
		if err := migrateUp(ctx, dsn, log); err != nil {
			return err
		}
	}
	s, err := store.Open(ctx, dsn, store.Options{Logger: log})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.CheckSchema(ctx); err != nil {
		return err
	}
	return do(s)
}

func migrateUp(ctx context.Context, dsn string, log *slog.Logger) error {
	m, err := store.NewMigrator(ctx, dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	applied, err := m.Up(ctx)
	for _, step := range applied {
		log.InfoContext(ctx, "migration applied", "version", step.Version, "name", step.Name, "seconds", step.Duration.Seconds())
	}
	return err
}
