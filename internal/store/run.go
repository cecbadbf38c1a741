package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// runLockSpace is the upper half of the advisory lock keys of runs: "sync" in ASCII. The lower half is the run's id.
const runLockSpace = 0x73796e63

// lockAlive is the condition that the run whose id is inserted lives: its advisory lock is held.
const lockAlive = `EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = 1937337955
      AND l.objid = (%s & 4294967295)::oid
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`

// lockCheckInterval is how often a run makes sure that it still holds its lock. A lost lock lets others take its repos, which
// the row of each repo then tells; so this is about waste, not about truth.
const lockCheckInterval = 5 * time.Second

// NewRun describes a run that begins.
type NewRun struct {
	Kind      registry.RunKind
	Shard     string // "index/count"
	Version   string
	StartedAt time.Time
}

// Run is a run that lives. Its methods may be called from several goroutines.
type Run struct {
	store *Store
	id    int64
	cfg   *pgx.ConnConfig
	stop  context.CancelFunc
	done  chan struct{}

	mu    sync.Mutex
	repos map[registry.RepoKey]int64 // ids of repos that were claimed
}

// BeginRun opens the record of a run and takes its lock. Runs that died are marked aborted.
//
// The lock is an advisory one that ends with its transaction, held by a connection of its own for as long as the run lasts.
// That works through a transaction pooler, and PostgreSQL takes it back by itself when the process is gone. The transaction
// touches no table, so it holds back neither vacuum nor anybody else.
func (s *Store) BeginRun(ctx context.Context, run NewRun) (*Run, error) {
	r := &Run{store: s, cfg: s.pool.Config().ConnConfig, done: make(chan struct{}), repos: map[registry.RepoKey]int64{}}
	if err := s.pool.QueryRow(ctx, `
-- name: NextRunID
SELECT nextval(pg_get_serial_sequence('syncer.runs', 'run_id'))`).Scan(&r.id); err != nil {
		return nil, databaseError("begin run", err)
	}
	holder, err := r.lock(ctx)
	if err != nil {
		return nil, databaseError(fmt.Sprintf("lock run %d", r.id), err)
	}
	// The lock stands before the record can be seen: nobody can take this run for a dead one.
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
-- name: AbortDeadRuns
UPDATE syncer.runs SET status = 'aborted', finished_at = GREATEST($1, started_at), error = 'the process ended without closing its record'
WHERE status = 'running' AND NOT `+fmt.Sprintf(lockAlive, "run_id"), run.StartedAt); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
-- name: BeginRun
INSERT INTO syncer.runs (run_id, kind, shard, status, started_at, version) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, 'running', $4, $5)`, r.id, string(run.Kind), run.Shard, run.StartedAt, run.Version)
		return err
	})
	if err != nil {
		closeConn(holder)
		return nil, databaseError("begin run", err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.keepLock(keep, holder)
	return r, nil
}

// ID is the run's number.
func (r *Run) ID() int64 { return r.id }

// lock opens a connection whose transaction holds the run's lock.
func (r *Run) lock(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, r.cfg.Copy())
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{
		"BEGIN",
		// Limits that the server may set for forgotten transactions are not meant for this one.
		"-- name: UnlimitRunLock\nSELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')",
		// A host that vanished without a word is noticed within a minute.
		"SET LOCAL tcp_keepalives_idle = 30",
		"SET LOCAL tcp_keepalives_interval = 10",
		"SET LOCAL tcp_keepalives_count = 3",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			closeConn(conn)
			return nil, err
		}
	}
	if _, err := conn.Exec(ctx, "-- name: LockRun\nSELECT pg_advisory_xact_lock($1)", int64(runLockSpace)<<32|r.id&0xffffffff); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// keepLock holds the lock until the context ends and takes it again when the connection broke.
func (r *Run) keepLock(ctx context.Context, holder *pgx.Conn) {
	defer close(r.done)
	ticker := time.NewTicker(lockCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			closeConn(holder)
			return
		case <-ticker.C:
		}
		if holder != nil && holder.Ping(ctx) == nil {
			continue
		}
		closeConn(holder)
		var err error
		if holder, err = r.lock(ctx); err != nil && ctx.Err() == nil {
			r.store.log.Warn("lock of the run is lost, trying again", "run_id", r.id, "error", err)
		}
	}
}

func closeConn(conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	conn.Close(ctx) // the server rolls the transaction back either way
}

// Finish closes the record, lets go of what is still claimed, and gives the lock back.
func (r *Run) Finish(ctx context.Context, sum registry.RunSummary) error {
	defer r.Close()
	err := pgx.BeginFunc(ctx, r.store.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
-- name: ReleaseClaims
UPDATE syncer.repos SET claimed_by = NULL WHERE claimed_by = $1`, r.id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
-- name: FinishRun
UPDATE syncer.runs SET
    status = $2, finished_at = GREATEST($3, started_at), repos_ok = $4, repos_failed = $5, repos_held = $6,
    images_seen = $7, images_new = $8, images_changed = $9, images_missing = $10, history_rows = $11,
    requests = $12, retries = $13, error = NULLIF($14, '')
WHERE run_id = $1`,
			r.id, string(sum.Status), sum.FinishedAt, int64(sum.OK), int64(sum.Failed), int64(sum.Held),
			sum.Seen, sum.New, sum.Changed, sum.Missing, sum.HistoryRows,
			sum.Traffic.Requests, sum.Traffic.Retries, clean(sum.Error))
		if err == nil && tag.RowsAffected() != 1 {
			err = fmt.Errorf("record of run %d is gone", r.id)
		}
		return err
	})
	return databaseError(fmt.Sprintf("finish run %d", r.id), err)
}

// Close gives the lock back. A run that was not finished before is marked aborted by the next one.
func (r *Run) Close() {
	r.stop()
	<-r.done
}
