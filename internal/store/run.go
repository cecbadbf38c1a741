package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"syncer/internal/registry"
)

// The upper halves of the advisory lock keys: "sync" in ASCII for runs, the next number for repos. The lower half is the id.
const (
	runLockSpace  = int64(0x73796e63)
	repoLockSpace = runLockSpace + 1
)

var errLockLost = errors.New("connection that holds the lock of the run is lost")

// lockAlive is the condition that the run whose id is inserted lives: its advisory lock is held.
const lockAlive = `EXISTS (
    SELECT FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = 1937337955
      AND l.objid = (%s & 4294967295)::oid
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))`

// lockCheckInterval is how often a run makes sure that it still holds its lock. A lost lock lets others take its repos, which
// each repo's last look then tells; so this is about waste, not about truth.
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
	dry   bool // see BeginDryRun
	id    int64
	cfg   *pgx.ConnConfig
	stop  context.CancelFunc
	done  chan struct{}

	holding sync.Mutex // guards what follows
	holder  *pgx.Conn  // nil while it is lost
	repos   map[registry.RepoKey]claimed
}

// BeginRun opens the record of a run and takes its lock. Runs that died are marked aborted.
//
// The lock is an advisory one that ends with its transaction, held by a connection of its own for as long as the run lasts.
// That works through a transaction pooler, and PostgreSQL takes it back by itself when the process is gone. The transaction
// touches no table, so it holds back neither vacuum nor anybody else.
func (s *Store) BeginRun(ctx context.Context, run NewRun) (*Run, error) {
	r := &Run{store: s, cfg: s.pool.Config().ConnConfig, done: make(chan struct{}), repos: map[registry.RepoKey]claimed{}}
	if err := s.pool.QueryRow(ctx, `
-- name: NextRunID
SELECT nextval(pg_get_serial_sequence('syncer.runs', 'run_id'))`).Scan(&r.id); err != nil {
		return nil, databaseError("begin run", err)
	}
	var err error
	if r.holder, err = r.lock(ctx); err != nil {
		return nil, databaseError(fmt.Sprintf("lock run %d", r.id), err)
	}
	// The lock stands before the record can be seen: nobody can take this run for a dead one.
	err = pgx.BeginTxFunc(ctx, s.pool, readCommitted, func(tx pgx.Tx) error {
		if err := abortDeadRuns(ctx, tx, run.StartedAt); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
-- name: BeginRun
INSERT INTO syncer.runs (run_id, kind, shard, status, started_at, version) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, 'running', $4, $5)`, r.id, string(run.Kind), run.Shard, run.StartedAt, run.Version)
		return err
	})
	if err != nil {
		closeConn(r.holder)
		return nil, databaseError("begin run", err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.keepLock(keep)
	return r, nil
}

// abortDeadRuns marks runs whose process is gone, with the sums of what they wrote. Their requests are not known.
func abortDeadRuns(ctx context.Context, tx pgx.Tx, now time.Time) error {
	rows, err := tx.Query(ctx, `
-- name: AbortDeadRuns
UPDATE syncer.runs SET status = 'aborted', finished_at = GREATEST($1, started_at), error = 'the process ended without closing its record'
WHERE status = 'running' AND NOT `+fmt.Sprintf(lockAlive, "run_id")+`
RETURNING run_id`, now)
	if err != nil {
		return err
	}
	dead, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(dead) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `
-- name: SumDeadRuns
UPDATE syncer.runs u SET repos_ok = s.ok, repos_failed = s.failed, repos_held = s.held, images_seen = s.seen,
    images_new = s.new, images_changed = s.changed, images_missing = s.missing
FROM (
    SELECT r.run_id, count(*) FILTER (WHERE r.status IN ('ok', 'drifting')) AS ok, count(*) FILTER (WHERE r.status = 'failed') AS failed,
        count(*) FILTER (WHERE r.status = 'held') AS held, sum(r.images_seen)::bigint AS seen, COALESCE(sum(r.images_new), 0)::bigint AS new,
        COALESCE(sum(r.images_changed), 0)::bigint AS changed, COALESCE(sum(r.images_missing), 0)::bigint AS missing
    FROM syncer.looks r
    WHERE r.run_id = ANY ($1)
      -- leaves older months out
      AND r.at >= (SELECT min(started_at) - interval '1 day' FROM syncer.runs WHERE run_id = ANY ($1))
    GROUP BY r.run_id) s
WHERE u.run_id = s.run_id`, dead)
	return err
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
		"BEGIN ISOLATION LEVEL READ COMMITTED", // or a claim never sees a repo that was added after it
		// Limits that the server may set for forgotten transactions are not meant for this one.
		"-- name: UnlimitRunLock\nSELECT set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout', 'statement_timeout', 'lock_timeout')",
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
	if _, err := conn.Exec(ctx, "-- name: LockRun\nSELECT pg_advisory_xact_lock($1)", runLockSpace<<32|r.id&0xffffffff); err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

// keepLock makes sure of the lock until the context ends, and takes it again when its connection broke.
func (r *Run) keepLock(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(lockCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.checkLock(ctx)
		}
	}
}

func (r *Run) checkLock(ctx context.Context) {
	r.holding.Lock()
	defer r.holding.Unlock()
	if r.holder != nil && r.holder.Ping(ctx) == nil || ctx.Err() != nil {
		return
	}
	closeConn(r.holder)
	var err error
	if r.holder, err = r.lock(ctx); err != nil {
		r.holder = nil
		r.store.log.Warn("lock of the run is lost, trying again", "run_id", r.id, "error", err)
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

// Finish closes the record and gives the lock and all claims back.
func (r *Run) Finish(ctx context.Context, sum registry.RunSummary) error {
	defer r.Close()
	if r.dry {
		return nil
	}
	tag, err := r.store.pool.Exec(ctx, `
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
		err = errors.New("its record is gone")
	}
	return databaseError(fmt.Sprintf("finish run %d", r.id), err)
}

// Close gives the lock and all claims back. A run that was not finished before is marked aborted by the next one.
func (r *Run) Close() {
	r.stop()
	<-r.done
	r.holding.Lock()
	defer r.holding.Unlock()
	if r.holder == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	// A pooler may keep the server's connection for others: nothing of this run must stay on it.
	if _, err := r.holder.Exec(ctx, "-- name: ReleaseAll\nSELECT pg_advisory_unlock_all()"); err != nil {
		r.store.log.Debug("the lock of the run ends with its connection", "run_id", r.id, "error", err)
	}
	closeConn(r.holder)
	r.holder = nil
}
