package chaos_test

import (
	"net"
	"slices"
	"sync"
)

// trigger does something at the n-th thing that happens.
type trigger struct {
	mu    sync.Mutex
	at, n int
	do    func()
	fired bool
}

func (t *trigger) arm(at int, do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.n, t.do, t.fired = at, 0, do, false
}

// disarm waits for what is being done and tells whether anything was.
func (t *trigger) disarm() (fired bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.do = nil
	return t.fired
}

// tick counts; whoever comes meanwhile waits until the thing is done.
func (t *trigger) tick() (fires bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n++; t.do == nil || t.fired || t.n < t.at {
		return false
	}
	t.fired = true
	t.do()
	return true
}

// proxy stands between programs and their database. Its address stays when the server's does not, and it sees every message.
type proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	message  trigger // counts what programs send

	mu    sync.Mutex
	lose  bool       // the message that fires the trigger never arrives
	conns []net.Conn // of programs, in the order in which they came
}

func newProxy(dial func() (net.Conn, error)) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, dial: dial}
	go p.accept()
	return p, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(client)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := p.dial()
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns = append(p.conns, client)
	p.mu.Unlock()
	go func() {
		copyConn(client, server, func() bool { return true })
		client.Close()
		server.Close()
	}()
	copyConn(server, client, func() bool {
		fires := p.message.tick()
		p.mu.Lock()
		defer p.mu.Unlock()
		return !fires || !p.lose
	})
	p.mu.Lock()
	p.conns = slices.DeleteFunc(p.conns, func(c net.Conn) bool { return c == client })
	p.mu.Unlock()
}

// copyConn passes on what comes until either end closes or pass says no.
func copyConn(to, from net.Conn, pass func() bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !pass() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// losing decides whether the message that fires the trigger arrives.
func (p *proxy) losing(lose bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = lose
}

// drop ends every connection.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
}

// dropLocks ends the second connection that came: a run opens the one that holds its locks after its pool's first.
func (p *proxy) dropLocks() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > 1 {
		p.conns[1].Close()
	}
}
