package redistest

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Party is who connects to a server. It is told from the first thing it says.
type Party string

// The parties.
const (
	Clients   Party = "clients"   // begin with HELLO, or with TLS
	Replicas  Party = "replicas"  // begin with PING
	Sentinels Party = "sentinels" // begin with anything else
)

// A Proxy stands before a server and can cut it off, from everybody or from some.
type Proxy struct {
	listener net.Listener

	mu    sync.Mutex
	to    string
	cut   []Party
	lines map[net.Conn]Party
}

// StartProxy starts a proxy that leads nowhere yet.
func StartProxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	p := &Proxy{listener: l, lines: map[net.Conn]Party{}}
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
	for conn, party := range p.lines {
		if slices.Contains(whose, party) {
			_ = conn.Close()
		}
	}
}

// Mend lets everybody through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = nil
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
	defer p.forget(conn)
	if !p.admit(conn, unknown) {
		return
	}
	in := bufio.NewReader(conn)
	party, said, err := introduction(in)
	if err != nil || !p.admit(conn, party) {
		return
	}
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.admit(server, party) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	})
	_, _ = io.Copy(server, io.MultiReader(strings.NewReader(said), in))
	_ = server.Close()
	back.Wait()
}

// admit notes a connection of a party, unless that is cut off.
func (p *Proxy) admit(conn net.Conn, party Party) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[conn] = party
	return p.to != "" && !slices.Contains(p.cut, party)
}

func (p *Proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lines, conn)
}

// handshake is the byte with which TLS begins. Who is behind it cannot be told.
const handshake = 0x16

// introduction reads the first command as far as its name: "*1", "$4", "PING", or
// "PING" alone.
func introduction(in *bufio.Reader) (party Party, said string, err error) {
	if first, err := in.Peek(1); err != nil || first[0] == handshake {
		return Clients, "", err
	}
	for {
		part, err := in.ReadString('\n')
		said += part
		if err != nil {
			return unknown, said, err
		}
		word := strings.ToUpper(strings.TrimSpace(part))
		switch {
		case strings.HasPrefix(word, "*"), strings.HasPrefix(word, "$"):
		case word == "HELLO":
			return Clients, said, nil
		case word == "PING":
			return Replicas, said, nil
		default:
			return Sentinels, said, nil
		}
	}
}
