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
	folder  *sharedFolder // nil for a throwaway server
	sockets string
	process *process
	stop    sync.Once
	stopErr error
}

// layout is where a server's parts are and who runs it.
type layout struct {
	programs   programs
	account    account
	data       string
	visibleDir string // the folder that data stands in, as the programs find it
	sockets    string
	logFile    string
	durable    bool
	// inherited are files that every program of the server holds: the locks, so that one is free only when all of them are
	// gone, and after those the handle of a folder that the account cannot walk to.
	inherited []*os.File
}

// Start starts a server and returns when it accepts connections. The context bounds the start, not the server's life.
func Start(ctx context.Context, opt Options) (*Server, error) {
	s := &Server{log: opt.logger()}
	l, err := s.prepare(ctx, opt)
	if err == nil && s.folder.joined() {
		return s, nil
	}
	if err == nil {
		err = s.boot(ctx, l, opt.Settings)
	}
	if err != nil {
		_ = s.Stop(context.WithoutCancel(ctx)) // the start's error is the one that tells
		return nil, err
	}
	s.log.Debug("private PostgreSQL started", "version", l.programs.major, "data", l.data, "user", l.account.name)
	return s, nil
}

// prepare finds programs and account and takes the folders with their locks.
func (s *Server) prepare(ctx context.Context, opt Options) (l layout, err error) {
	sweep(s.log)
	if opt.Dir == "" {
		return s.prepareThrowaway(ctx, opt.Programs)
	}
	return s.prepareDurable(ctx, opt.Dir, opt.Programs)
}

func (s *Server) prepareThrowaway(ctx context.Context, folder string) (l layout, err error) {
	if l.programs, err = findPrograms(ctx, folder, 0); err != nil {
		return l, err
	}
	if l.account, err = serverAccount(); err != nil {
		return l, err
	}
	if s.scratch, err = newScratch(l.account); err != nil {
		return l, err
	}
	l.data = filepath.Join(s.scratch.dir, "data")
	l.logFile = filepath.Join(s.scratch.dir, "server.log")
	l.sockets, s.sockets = s.scratch.sockets, s.scratch.sockets
	l.visibleDir = s.scratch.dir
	l.inherited = []*os.File{s.scratch.lock}
	if err := l.account.mkdir(l.data); err != nil {
		return l, err
	}
	return l, initdb(ctx, l, l.data)
}

// boot starts the server in the layout and makes its database.
func (s *Server) boot(ctx context.Context, l layout, settings map[string]string) error {
	log, err := l.account.create(l.logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := l.command("postgres", serverArgs(l, settings)...)
	if l.durable {
		s.process, err = s.folder.launch(cmd, log, l)
	} else {
		s.process, err = launch(cmd, log, l.inherited, syscall.SIGQUIT) // nothing of it is worth a checkpoint
	}
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	if err := s.process.ready(ctx, l.data); err != nil {
		return fmt.Errorf("start postgres: %w%s", err, tail(l.logFile))
	}
	if err := s.createDatabase(ctx); err != nil || !l.durable {
		return err
	}
	return s.folder.announce(l.sockets)
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
	if s.folder.hasOthers() {
		s.folder.leave()
		s.scratch.leave()
		s.log.Debug("private PostgreSQL goes on for others")
		return nil
	}
	if s.folder.joined() {
		err := s.folder.awaitEnd(ctx)
		s.folder.leave()
		sweep(s.log) // what its starter left
		return err
	}
	if s.process != nil {
		how := s.process.end(ctx)
		s.log.Debug("private PostgreSQL stopped", "how", how)
	}
	s.folder.leave()
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
