package redistest

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// A Party is who connects to a server. It is told from the first thing it says.
type Party string

// The parties.
const (
	Clients   Party = "clients"   // begin with HELLO, or with TLS
	Replicas  Party = "replicas"  // begin with PING
	Sentinels Party = "sentinels" // begin with anything else
)

// A Line is a connection through a proxy, as far as it has said who it is.
type Line struct {
	Party  Party
	User   string // of Redis; empty: the default one
	Listen bool   // it has subscribed
}

// A Fate is what becomes of a line.
type Fate struct {
	End    bool          // now, and it is not let through
	Starve bool          // what the server says is swallowed from now on, until the line ends
	Late   time.Duration // so much later comes what the server says
}

// A Proxy stands before a server and can cut it off, from everybody or from some.
type Proxy struct {
	listener net.Listener

	mu    sync.Mutex
	to    string
	cut   []Party
	treat func(Line) Fate
	lines map[*line]struct{}
}

// StartProxy starts a proxy that leads nowhere yet.
func StartProxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	p := &Proxy{listener: l, lines: map[*line]struct{}{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.Cut()
		all.Wait()
	})
	return p
}

// Addr returns the proxy's host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut ends the connections of some parties, and lets them make no new ones; without
// a name, those of all.
func (p *Proxy) Cut(whose ...Party) {
	if len(whose) == 0 {
		whose = []Party{Clients, Replicas, Sentinels, unknown}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = append(p.cut, whose...)
	p.endDoomed()
}

// Mend lets everybody through again whom [Proxy.Cut] has cut off.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = nil
}

// Treat gives each line its fate, those that are there and those to come; nil leaves
// them in peace. It returns how many lines it has ended. What becomes of a line over
// TLS is told by its party alone.
func (p *Proxy) Treat(fate func(Line) Fate) (ended int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.treat = fate
	return p.endDoomed()
}

// Lead tells to which server new connections lead. Old ones stay where they are.
func (p *Proxy) Lead(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// unknown is a party that has said nothing yet.
const unknown Party = "unknown"

func (p *Proxy) serve(conn net.Conn) {
	l := &line{conn: conn}
	defer p.forget(l)
	if !p.admit(l, Line{Party: unknown}) {
		return
	}
	in := bufio.NewReader(conn)
	who, said, err := introduction(in)
	if err != nil || !p.admit(l, who) {
		return
	}
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		p.answer(l, server)
		_ = conn.Close()
	})
	if _, err := server.Write(said); err == nil {
		p.ask(l, in, server, who.Party == Clients && said != nil)
	}
	_ = server.Close()
	back.Wait()
}

// admit notes whose line it is, and reports whether it may go on.
func (p *Proxy) admit(l *line, who Line) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.Line = who
	p.lines[l] = struct{}{}
	return p.to != "" && !p.fate(l).End
}

// fate returns what becomes of a line. The caller holds p.mu.
func (p *Proxy) fate(l *line) Fate {
	f := Fate{End: slices.Contains(p.cut, l.Party)}
	if p.treat != nil && !f.End {
		f = p.treat(l.Line)
	}
	l.starved = l.starved || f.Starve
	f.Starve = l.starved
	return f
}

// endDoomed ends the lines whose fate it is. The caller holds p.mu.
func (p *Proxy) endDoomed() (ended int) {
	for l := range p.lines {
		if p.fate(l).End && !l.ended {
			l.ended = true
			_ = l.conn.Close()
			ended++
		}
	}
	return ended
}

func (p *Proxy) forget(l *line) {
	_ = l.conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lines, l)
}
