package temporaltest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"sync"
	"testing"
)

// A Gatekeeper stands before a server and speaks TLS only with those who have a
// certificate of an authority that it trusts, as the frontends of production do.
type Gatekeeper struct {
	t      testing.TB
	listen net.Listener

	mu      sync.Mutex
	trusted *x509.CertPool
	open    map[net.Conn]bool
}

// Guard puts a gatekeeper with a certificate of its own before a server, until the
// test ends.
func Guard(t testing.TB, s *Server, cert, key, authority string) *Gatekeeper {
	t.Helper()
	g := &Gatekeeper{t: t, open: map[net.Conn]bool{}}
	g.Trust(authority)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err == nil {
		g.listen, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				g.mu.Lock()
				defer g.mu.Unlock()
				return &tls.Config{
					MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair},
					ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: g.trusted,
				}, nil
			},
		})
	}
	if err != nil {
		t.Fatalf("temporaltest: %v", err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			in, err := g.listen.Accept()
			if err != nil {
				return
			}
			all.Go(func() { g.pass(in, s.Address()) })
		}
	})
	t.Cleanup(func() { _ = g.listen.Close(); g.HangUp(); all.Wait() })
	return g
}

// Address returns the gatekeeper's host:port.
func (g *Gatekeeper) Address() string { return g.listen.Addr().String() }

// Trust lets those in from now on who have a certificate of this authority.
func (g *Gatekeeper) Trust(authority string) {
	g.t.Helper()
	pool := x509.NewCertPool()
	pem, err := os.ReadFile(authority)
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		g.t.Fatalf("temporaltest: no authority in %s: %v", authority, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trusted = pool
}

// HangUp ends all connections.
func (g *Gatekeeper) HangUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		_ = c.Close()
	}
}

// pass hands on what both sides say until one of them ends. A connection is known, and
// so ended with the test, before anything is read from it.
func (g *Gatekeeper) pass(in net.Conn, server string) {
	out, err := net.Dial("tcp", server)
	if err != nil {
		_ = in.Close()
		return
	}
	g.mu.Lock()
	g.open[in], g.open[out] = true, true
	g.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = in.Close()
			_ = out.Close()
		})
	}
	both.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, in)
	delete(g.open, out)
}
