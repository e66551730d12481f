package redistest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart/internal/child"
)

// A Cluster is three primaries that share the slots. Each may have replicas.
type Cluster struct {
	t     testing.TB
	certs *Certificates
	Nodes []*Node // the primaries at the beginning
	more  []*Node
}

// StartCluster starts a cluster and waits until all of it is well. Further arguments
// are handed to each server.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	return startCluster(t, nil, args)
}

// StartClusterTLS does so where everybody speaks TLS only.
func StartClusterTLS(t testing.TB, certs Certificates, args ...string) *Cluster {
	t.Helper()
	return startCluster(t, &certs, args)
}

func startCluster(t testing.TB, certs *Certificates, args []string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, certs: certs}
	const slots = 16384
	for i := range 3 {
		n := c.start(args)
		first, last := i*slots/3, (i+1)*slots/3-1
		c.must(n, "cluster", "addslotsrange", first, last)
		c.must(n, "cluster", "set-config-epoch", i+1)
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes[1:] {
		c.meet(n)
	}
	c.awaitWell()
	return c
}

// URL returns the address of the store as flagstore.Open wants it.
func (c *Cluster) URL() string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Proxy.Addr())
	}
	scheme := "redis+cluster://"
	if c.certs != nil {
		scheme = "rediss+cluster://"
	}
	return scheme + strings.Join(addrs, ",")
}

// Holding returns the primary that holds a key.
func (c *Cluster) Holding(key string) *Node {
	c.t.Helper()
	slot, err := c.Nodes[0].Client().ClusterKeySlot(context.Background(), key).Result()
	if err != nil {
		c.t.Fatalf("redistest: %v", err)
	}
	for i, n := range c.Nodes {
		if int(slot) < (i+1)*16384/3 {
			return n
		}
	}
	return nil
}

// AddReplica gives a primary a replica that is in step.
func (c *Cluster) AddReplica(primary *Node, args ...string) *Node {
	c.t.Helper()
	n := c.start(args)
	c.meet(n)
	id, err := primary.Client().ClusterMyID(context.Background()).Result()
	if err != nil {
		c.t.Fatalf("redistest: %v", err)
	}
	await(c.t, "a replica joins", func() (bool, string) {
		err := n.Client().Do(context.Background(), "cluster", "replicate", id).Err()
		return err == nil, fmt.Sprint(err)
	})
	await(c.t, "the replica is in step", func() (bool, string) {
		info, err := n.Client().Info(context.Background(), "replication").Result()
		return strings.Contains(info, "master_link_status:up"), fmt.Sprint(info, err)
	})
	c.more = append(c.more, n)
	c.awaitWell()
	return n
}

// Promote makes a replica the primary, though the primary be gone, and waits until
// it is.
func (c *Cluster) Promote(replica *Node) {
	c.t.Helper()
	c.must(replica, "cluster", "failover", "takeover")
	await(c.t, "the replica is primary", func() (bool, string) {
		info, err := replica.Client().Info(context.Background(), "replication").Result()
		return strings.Contains(info, "role:master"), fmt.Sprint(info, err)
	})
}

func (c *Cluster) start(args []string) *Node {
	c.t.Helper()
	bus, err := child.FreePort()
	if err != nil {
		c.t.Fatalf("redistest: %v", err)
	}
	return startNode(c.t, c.certs, func(host, port string) []string {
		return []string{
			"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "15000",
			"--cluster-announce-ip", host, "--cluster-announce-port", port, "--cluster-announce-bus-port", strconv.Itoa(bus),
			"--repl-diskless-sync-delay", "0",
		}
	}, args...)
}

func (c *Cluster) meet(n *Node) {
	c.t.Helper()
	host, port := hostPort(c.t, n.Proxy.Addr())
	c.must(c.Nodes[0], "cluster", "meet", host, port, n.busPort())
}

func (c *Cluster) awaitWell() {
	c.t.Helper()
	all := append(append([]*Node{}, c.Nodes...), c.more...)
	for _, n := range all {
		await(c.t, "the cluster is well", func() (bool, string) {
			info, err := n.Client().ClusterInfo(context.Background()).Result()
			return strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d\r", len(all))), fmt.Sprint(info, err)
		})
	}
}

func (c *Cluster) must(n *Node, command ...any) {
	c.t.Helper()
	if err := n.Client().Do(context.Background(), command...).Err(); err != nil && err != redis.Nil {
		c.t.Fatalf("redistest: %v: %v", command, err)
	}
}

// busPort returns the port by which nodes of a cluster speak to each other.
func (n *Node) busPort() string {
	for i, a := range n.args {
		if a == "--cluster-port" {
			return n.args[i+1]
		}
	}
	return ""
}
