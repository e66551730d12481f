package redistest

import (
	"net"
	"strconv"
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
// of the proxy's host and port. With certificates, TLS is all that the proxy leads to.
func startNode(t testing.TB, certs *Certificates, announce func(host, port string) []string, args ...string) *Node {
	t.Helper()
	proxy := StartProxy(t)
	host, port := hostPort(t, proxy.Addr())
	args = append(announce(host, port), args...)
	if certs == nil {
		n := &Node{Server: Start(t, args...), Proxy: proxy}
		proxy.Lead(n.Server.Addr())
		return n
	}
	n := &Node{Server: StartTLS(t, *certs, append(args, "--tls-replication", "yes", "--tls-cluster", "yes")...), Proxy: proxy}
	proxy.Lead(loopback(n.tls))
	return n
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

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
