//go:build unix && !aix && !solaris

package localpg

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	// port only names the socket's file; it cannot clash, as every server has a socket folder of its own.
	port = "5432"
	// fastLimit bounds a shutdown that still writes a checkpoint, immediateLimit one that does not.
	fastLimit, immediateLimit = 20 * time.Second, 5 * time.Second
)

// Server is a running private PostgreSQL.
type Server struct {
	log     *slog.Logger
	scratch *scratch
	keep    *keep // nil for a throwaway server
	sockets string
	process *process
	stop    sync.Once
	stopErr error
}

// site is where a server's parts are and who runs it.
type site struct {
	programs programs
	account  account
	data     string
	seen     string // the folder that data stands in, as the programs find it
	sockets  string
	logFile  string
	durable  bool
	// inherited are files that every program of the server holds: the locks, so that one is free only when all of them are
	// gone, and after those the handle of a folder that the account cannot walk to.
	inherited []*os.File
}

// Start starts a server and returns when it accepts connections. The context bounds the start, not the server's life.
func Start(ctx context.Context, opt Options) (*Server, error) {
	s := &Server{log: opt.logger()}
	st, err := s.settle(ctx, opt)
	if err == nil && s.keep.joined() {
		return s, nil
	}
	if err == nil {
		err = s.boot(ctx, st, opt.Settings)
	}
	if err != nil {
		_ = s.Stop(context.WithoutCancel(ctx)) // the start's error is the one that tells
		return nil, err
	}
	s.log.Debug("private PostgreSQL started", "version", st.programs.major, "data", st.data, "user", st.account.name)
	return s, nil
}

// settle finds programs and account and takes the folders with their locks.
func (s *Server) settle(ctx context.Context, opt Options) (st site, err error) {
	sweep(s.log)
	if opt.Dir == "" {
		return s.settleThrowaway(ctx, opt.Programs)
	}
	return s.settleDurable(ctx, opt.Dir, opt.Programs)
}

func (s *Server) settleThrowaway(ctx context.Context, folder string) (st site, err error) {
	if st.programs, err = findPrograms(ctx, folder, 0); err != nil {
		return st, err
	}
	if st.account, err = serverAccount(); err != nil {
		return st, err
	}
	if s.scratch, err = newScratch(st.account); err != nil {
		return st, err
	}
	st.data = filepath.Join(s.scratch.dir, "data")
	st.logFile = filepath.Join(s.scratch.dir, "server.log")
	st.sockets, s.sockets = s.scratch.sockets, s.scratch.sockets
	st.seen = s.scratch.dir
	st.inherited = []*os.File{s.scratch.lock}
	if err := st.account.mkdir(st.data); err != nil {
		return st, err
	}
	return st, initdb(ctx, st, st.data)
}

// boot starts the server on the site and makes its database.
func (s *Server) boot(ctx context.Context, st site, settings map[string]string) error {
	log, err := st.account.create(st.logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := st.command("postgres", serverArgs(st, settings)...)
	if st.durable {
		s.process, err = s.keep.launch(cmd, log, st)
	} else {
		s.process, err = launch(cmd, log, st.inherited, syscall.SIGQUIT) // nothing of it is worth a checkpoint
	}
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	if err := s.process.ready(ctx, st.data); err != nil {
		return fmt.Errorf("start postgres: %w%s", err, tail(st.logFile))
	}
	if err := s.createDatabase(ctx); err != nil || !st.durable {
		return err
	}
	return s.keep.announce(st.sockets)
}

func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var found bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, Database).Scan(&found); err != nil {
		return fmt.Errorf("look up database %s: %w", Database, err)
	}
	if found {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{Database}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", Database, err)
	}
	return nil
}

// DSN is the connection string of a database on this server. It holds no secret.
func (s *Server) DSN(db string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.User(superuser),
		Path:   "/" + db,
		// The host stands in the query because it is a folder.
		RawQuery: url.Values{"host": {s.sockets}, "port": {port}}.Encode(),
	}
	return u.String()
}

// Stop ends the server: sessions are cut and a checkpoint is written, unless that takes too long or ctx ends first. What a
// throwaway server left is removed. A durable server that others use goes on for them. Calls after the first return what the
// first did.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.stopErr = s.shutdown(ctx) })
	return s.stopErr
}

func (s *Server) shutdown(ctx context.Context) error {
	if s.keep.hasOthers() {
		s.keep.leave()
		s.scratch.leave()
		s.log.Debug("private PostgreSQL goes on for others")
		return nil
	}
	if s.keep.joined() {
		err := s.keep.awaitEnd(ctx)
		s.keep.leave()
		sweep(s.log) // what its starter left
		return err
	}
	if s.process != nil {
		how := s.process.end(ctx)
		s.log.Debug("private PostgreSQL stopped", "how", how)
	}
	s.keep.leave()
	return s.scratch.remove()
}

// end goes from asking to killing: a server that ignores one signal gets the next. A caller in a hurry skips the checkpoint,
// not the end.
func (p *process) end(ctx context.Context) (how string) {
	// An error of a signal means that the process has ended, which the wait will show.
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	if p.gone(ctx, fastLimit) {
		return "fast"
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	if p.gone(context.WithoutCancel(ctx), immediateLimit) {
		return "immediate"
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	return "killed"
}
