package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart/internal/child"
)

// Master is the name by which sentinels know the primary.
const Master = "main"

// A Watched is a primary and a replica, looked after by three sentinels. Nothing is
// promoted but by [Watched.Failover]: a loaded machine must not look like a dead one.
type Watched struct {
	t         testing.TB
	First     *Node // the primary at the beginning
	Second    *Node // its replica
	sentinels []*redis.SentinelClient
	processes []*child.Child
	addrs     []string
	secure    *SecureSentinel
}

// A SecureSentinel is how sentinels and servers speak TLS, and what sentinels ask for.
type SecureSentinel struct {
	Certificates Certificates
	Password     string // of the sentinels
}

// StartSentinel starts a primary, a replica and their sentinels, and waits until
// they know each other. Further arguments are handed to the servers, not to the
// sentinels.
func StartSentinel(t testing.TB, args ...string) *Watched {
	t.Helper()
	return startSentinel(t, nil, args)
}

// StartSentinelTLS does so where everybody speaks TLS only, and sentinels ask for a password.
func StartSentinelTLS(t testing.TB, secure SecureSentinel, args ...string) *Watched {
	t.Helper()
	return startSentinel(t, &secure, args)
}

func startSentinel(t testing.TB, secure *SecureSentinel, args []string) *Watched {
	t.Helper()
	w := &Watched{t: t, secure: secure}
	var certs *Certificates
	if secure != nil {
		certs = &secure.Certificates
	}
	announce := func(host, port string) []string {
		return []string{"--replica-announce-ip", host, "--replica-announce-port", port, "--repl-diskless-sync-delay", "0"}
	}
	w.First = startNode(t, certs, announce, args...)
	host, port := hostPort(t, w.First.Proxy.Addr())
	w.Second = startNode(t, certs, announce, append([]string{"--replicaof", host + " " + port}, args...)...)
	w.AwaitReplica(w.First)
	for range 3 {
		w.startSentinel(host, port)
	}
	for _, s := range w.sentinels {
		await(t, "a sentinel knows the replica and the others", func() (bool, string) {
			m, err := s.Master(context.Background(), Master).Result()
			return err == nil && m["num-slaves"] == "1" && m["num-other-sentinels"] == "2", fmt.Sprint(m, err)
		})
	}
	return w
}

// URL returns the address of the store as flagstore.Open wants it.
func (w *Watched) URL() string {
	scheme := "redis+sentinel://"
	if w.secure != nil {
		scheme = "rediss+sentinel://"
	}
	return scheme + strings.Join(w.addrs, ",") + "/" + Master
}

// Sentinels returns the addresses of the sentinels.
func (w *Watched) Sentinels() []string { return w.addrs }

// StopSentinels ends all sentinels at once.
func (w *Watched) StopSentinels() {
	for _, c := range w.processes {
		c.End(syscall.SIGKILL)
	}
}

// FreezeSentinel stops one sentinel in mid-breath, until the test ends.
func (w *Watched) FreezeSentinel() {
	w.t.Helper()
	if err := w.processes[0].Signal(syscall.SIGSTOP); err != nil {
		w.t.Fatalf("redistest: %v", err)
	}
}

// Failover promotes the replica, whether or not the primary is there, and waits until
// all sentinels know.
func (w *Watched) Failover() {
	w.t.Helper()
	ctx := context.Background()
	before := w.primary(w.sentinels[0])
	await(w.t, "a failover begins", func() (bool, string) {
		err := w.sentinels[0].Failover(ctx, Master).Err()
		// An attempt of which the answer was lost is under way.
		return err == nil || strings.Contains(err.Error(), "INPROG"), fmt.Sprint(err)
	})
	for _, s := range w.sentinels {
		await(w.t, "a sentinel knows the new primary", func() (bool, string) {
			now := w.primary(s)
			return now != "" && now != before, now
		})
	}
}

// RestartEmpty ends the server that is primary now, and starts it again as a primary
// that has lost everything; its replica then loses everything as well. Whatever is to
// happen while it is away happens in between.
func (w *Watched) RestartEmpty(primary *Node, meanwhile func()) {
	w.t.Helper()
	if i := slices.Index(primary.args, "--replicaof"); i >= 0 { // it was promoted since
		primary.args = slices.Delete(slices.Clone(primary.args), i, i+2)
	}
	primary.Kill()
	if meanwhile != nil {
		meanwhile()
	}
	primary.Restart()
	w.AwaitReplica(primary)
}

// AwaitReplica waits until a primary has its replica.
func (w *Watched) AwaitReplica(primary *Node) {
	w.t.Helper()
	await(w.t, "the replica is in step", func() (bool, string) {
		info, err := primary.Client().Info(context.Background(), "replication").Result()
		return strings.Contains(info, "role:master") && strings.Contains(info, "state=online"), fmt.Sprint(info, err)
	})
}

// AwaitDemoted waits until a server has become a replica that is in step.
func (w *Watched) AwaitDemoted(n *Node) {
	w.t.Helper()
	await(w.t, "the old primary is a replica", func() (bool, string) {
		info, err := n.Client().Info(context.Background(), "replication").Result()
		return strings.Contains(info, "role:slave") && strings.Contains(info, "master_link_status:up"), fmt.Sprint(info, err)
	})
}

func (w *Watched) primary(s *redis.SentinelClient) string {
	addr, err := s.GetMasterAddrByName(context.Background(), Master).Result()
	if err != nil || len(addr) != 2 {
		return ""
	}
	return net.JoinHostPort(addr[0], addr[1])
}

func (w *Watched) startSentinel(host, port string) {
	w.t.Helper()
	own, err := child.FreePort()
	if err != nil {
		w.t.Fatalf("redistest: %v", err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(own))
	file := filepath.Join(w.t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(w.config(filepath.Dir(file), own, host, port)), 0o600); err != nil {
		w.t.Fatalf("redistest: %v", err)
	}
	c, err := program.Start(file, "--sentinel")
	if err != nil {
		w.t.Fatalf("redistest: %v", err)
	}
	w.processes = append(w.processes, c)
	w.t.Cleanup(func() {
		c.End(syscall.SIGKILL)
		if w.t.Failed() {
			w.t.Logf("a sentinel said:\n%s", c.Output())
		}
	})
	options := &redis.Options{Addr: addr}
	if w.secure != nil {
		options.Password, options.TLSConfig = w.secure.Password, w.secure.Certificates.config(w.t)
	}
	s := redis.NewSentinelClient(options)
	w.t.Cleanup(func() { _ = s.Close() })
	await(w.t, "a sentinel answers", func() (bool, string) {
		// Whether a demoted primary is told so, and what others know, is looked after
		// four times a second instead of every other.
		err := s.Process(context.Background(), redis.NewStatusCmd(context.Background(), "sentinel", "debug", "publish-period", "250", "info-period", "1000"))
		return err == nil, fmt.Sprint(err)
	})
	w.sentinels, w.addrs = append(w.sentinels, s), append(w.addrs, addr)
}

// config returns what a sentinel is told. Whoever is silent for a minute is dead; a
// test asks for a failover long before.
func (w *Watched) config(dir string, own int, host, port string) string {
	lines := []string{
		"bind 127.0.0.1", "dir " + dir,
		fmt.Sprintf("sentinel monitor %s %s %s 2", Master, host, port),
		fmt.Sprintf("sentinel down-after-milliseconds %s 60000", Master),
		fmt.Sprintf("sentinel failover-timeout %s 20000", Master),
	}
	if w.secure == nil {
		lines = append(lines, fmt.Sprintf("port %d", own))
	} else {
		c := w.secure.Certificates
		lines = append(lines, "port 0", fmt.Sprintf("tls-port %d", own), "tls-replication yes", "tls-auth-clients yes",
			"tls-ca-cert-file "+c.CA, "tls-cert-file "+c.ServerCert, "tls-key-file "+c.ServerKey,
			"requirepass "+w.secure.Password, "sentinel sentinel-pass "+w.secure.Password)
	}
	return strings.Join(lines, "\n") + "\n"
}
