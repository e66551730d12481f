package acceptance_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
)

// newStackClustered starts a stack over a cluster of three.
func newStackClustered(t *testing.T) (*stack, *redistest.Cluster) {
	t.Helper()
	env := newEnvironment(t)
	redis := redistest.StartCluster(t, redistest.Users(t, env)...)
	return newStackOver(t, temporaltest.Shared(t), env, addresses{writer: redis.WriterURL(), reader: redis.ReaderURL()}), redis
}

func TestLaunchIsWalkedKilledAndRestoredOnACluster(t *testing.T) {
	t.Parallel()
	s, _ := newStackClustered(t)
	s.work()
	readers := []*reader{s.read("checkout-v2", "new-cart"), s.read("checkout-v2", "new-cart")}
	l := s.start(s.aPlan("checkout-v2"))
	l.approve(rampart.MaxPowerRamp)
	l.ends(rampart.Launched)
	l.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "expose 50 %", "expose 100 %", "finish 100 %")
	for _, r := range readers {
		r.awaits("launched", "checkout-v2", func(saw sight) bool { return saw.Exposure == rampart.Full && saw.Lowest })
	}

	other := s.standAtTen("new-cart")
	for _, r := range readers {
		r.awaits("on", "new-cart", func(saw sight) bool { return saw.Lowest })
	}
	code, says := s.rampart("kill", "new-cart", "--reason", "support queue on fire", "--as", "oncall")
	require.Zero(t, code, says)
	require.Contains(t, says, "2 of 2 readers confirmed")
	other.ends(rampart.Killed)
	for _, r := range readers {
		saw, _ := r.sees("new-cart")
		require.True(t, saw.Killed && !saw.Lowest, "%+v", saw)
	}

	code, says = s.rampart("restore", "new-cart", "--reason", "mended", "--as", "bo")
	require.Zero(t, code, says)
	for _, r := range readers {
		r.awaits("restored to its baseline", "new-cart", func(saw sight) bool { return !saw.Killed && saw.Exposure == 0 })
	}
	again := s.standAtTen("new-cart")
	again.requirePath("create 0 %", "acquire 0 %", "expose 10 %", "kill 0 %", "kill 0 %", "restore 0 %", "restore 0 %", "acquire 0 %", "expose 10 %")
	code, says = s.rampart("flag", "list")
	require.Zero(t, code, says)
	require.Contains(t, says, "checkout-v2")
}

// The node that holds the environment goes, and its replica takes over.
func TestLaunchOutlivesANodeOfTheCluster(t *testing.T) {
	t.Parallel()
	s, redis := newStackClustered(t)
	s.work()
	r := s.read("checkout-v2")
	holder := redis.Holding("rampart:{" + s.env + "}:state")
	replica := redis.AddReplica(holder, redistest.Users(t, s.env)...)
	l := s.start(s.aPlan("checkout-v2"))
	l.asks(rampart.MaxPowerRamp)

	holder.Kill()
	redis.Promote(replica)

	l.approve(rampart.MaxPowerRamp)
	l.ends(rampart.Launched)
	r.awaits("launched", "checkout-v2", func(saw sight) bool { return saw.Exposure == rampart.Full && saw.Lowest })
}
