package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"syncer/internal/config"
	"syncer/internal/store"
)

func (a *app) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Change the schema of the database",
		Long: `Brings the schema to the version that this program needs, or back. Any number of processes may migrate at once; one does and
the others wait. Wants a direct connection, not one through a pooler in transaction mode.`,
		Example: "  syncer migrate up\n  syncer migrate status --output json",
		Args:    cobra.NoArgs,
		RunE:    needsSubcommand,
	}
	cmd.AddCommand(
		a.migrateUpCommand(),
		a.migrateSubcommand("down", "Take back the newest migration, and the data it holds", a.migrateDown),
		a.migrateSubcommand("status", "List the migrations and when they were applied", a.migrateStatus),
		a.migrateSubcommand("validate", "Check that the schema is the one this program needs", a.migrateValidate),
	)
	return cmd
}

// migrateUpCommand is migrate up, which can also let a role read the reports.
func (a *app) migrateUpCommand() *cobra.Command {
	var reader string
	cmd := a.migrateSubcommand("up", "Apply all migrations that are missing", func(ctx context.Context, dsn string, _ *slog.Logger) error {
		return a.migrateUp(ctx, dsn, reader)
	})
	cmd.Flags().StringVar(&reader, "grant-reader", "", "let this existing `ROLE` read schema reporting, now and what is added to it later, and nothing else")
	return cmd
}

type migration func(ctx context.Context, dsn string, log *slog.Logger) error

func (a *app) migrateSubcommand(name, short string, do migration) *cobra.Command {
	return &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  DATABASE_URL=postgres://syncer@db.example/syncer syncer migrate " + name,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, log, err := a.load(config.Input{Need: config.NeedDatabase})
			if err != nil {
				return err
			}
			return withDSN(cmd.Context(), cfg, log, func(dsn string) error { return do(cmd.Context(), dsn, log) })
		},
	}
}

// migrateResult is what the migrate commands print.
type migrateResult struct {
	Migrations []migrationResult `json:"migrations"`
}

type migrationResult struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	Applied   bool       `json:"applied"`
	AppliedAt *time.Time `json:"applied_at,omitempty"`
}

func newMigrateResult(steps []store.Migration) migrateResult {
	r := migrateResult{Migrations: []migrationResult{}}
	for _, s := range steps {
		m := migrationResult{Version: s.Version, Name: s.Name, Applied: s.Applied}
		if !s.AppliedAt.IsZero() {
			at := s.AppliedAt.UTC()
			m.AppliedAt = &at
		}
		r.Migrations = append(r.Migrations, m)
	}
	return r
}

func (a *app) migrateUp(ctx context.Context, dsn, reader string) error {
	m, err := store.NewMigrator(ctx, dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	steps, err := m.Up(ctx)
	if err != nil {
		return err
	}
	if reader != "" {
		if err := m.GrantReader(ctx, reader); err != nil {
			return err
		}
	}
	return a.print(newMigrateResult(steps), func(p *printer) {
		for _, s := range steps {
			p.line("applied %s in %s", s.Name, s.Duration.Round(time.Millisecond).String())
		}
		if len(steps) == 0 {
			p.line("nothing to do: the schema is up to date")
		}
		if reader != "" {
			p.line("role %s may read the reports", reader)
		}
	})
}

func (a *app) migrateDown(ctx context.Context, dsn string, _ *slog.Logger) error {
	m, err := store.NewMigrator(ctx, dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	steps, err := m.Down(ctx)
	if err != nil {
		return err
	}
	for i := range steps {
		steps[i].Applied = false
	}
	return a.print(newMigrateResult(steps), func(p *printer) {
		if len(steps) == 0 {
			p.line("nothing to do: no migration is applied")
		}
		for _, step := range steps {
			p.line("took back %s in %s", step.Name, step.Duration.Round(time.Millisecond).String())
		}
	})
}

func (a *app) migrateStatus(ctx context.Context, dsn string, _ *slog.Logger) error {
	m, err := store.NewMigrator(ctx, dsn)
	if err != nil {
		return err
	}
	defer m.Close()
	steps, err := m.Status(ctx)
	if err != nil {
		return err
	}
	result := newMigrateResult(steps)
	return a.print(result, func(p *printer) {
		var rows [][]any
		for _, s := range result.Migrations {
			rows = append(rows, []any{s.Name, s.AppliedAt})
		}
		p.table([]string{"MIGRATION", "APPLIED"}, rows)
	})
}

func (a *app) migrateValidate(ctx context.Context, dsn string, log *slog.Logger) error {
	return withStore(ctx, dsn, log, false, func(*store.Store) error {
		return a.print(map[string]bool{"valid": true}, func(p *printer) { p.line("the schema is the one this program needs") })
	})
}
