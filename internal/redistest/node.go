package redistest

import (
	"net"
	"strings"
	"testing"
	"time"
)

// A Node is one server of several, behind a proxy by whose address the others and
// their clients know it.
type Node struct {
	*Server
	Proxy *Proxy
}

// startNode starts a server behind a proxy. What the server is to announce is made
// of the proxy's host and port.
func startNode(t testing.TB, announce func(host, port string) []string, args ...string) *Node {
	t.Helper()
	proxy := newProxy(t)
	host, port := hostPort(t, proxy.Addr())
	n := &Node{Server: Start(t, append(announce(host, port), args...)...), Proxy: proxy}
	proxy.forward(n.Server.Addr())
	return n
}

// Direct returns the address that does not lead through the proxy.
func (n *Node) Direct() string { return n.Server.URL() }

func hostPort(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	return host, port
}

// await waits until something is so.
func await(t testing.TB, what string, is func() (ok bool, last string)) {
	t.Helper()
	deadline, tick := time.NewTimer(2*patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for {
		ok, last := is()
		if ok {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("redistest: not within %s: %s\nlast: %s", 2*patience, what, strings.TrimSpace(last))
		case <-tick.C:
		}
	}
}
