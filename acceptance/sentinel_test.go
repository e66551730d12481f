package acceptance_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
	"github.com/rampart-dev/rampart/internal/temporaltest"
	"github.com/rampart-dev/rampart/starter"
)

// newStackWatched starts a stack over a primary and a replica that sentinels look after.
func newStackWatched(t *testing.T) (*stack, *redistest.Watched) {
	t.Helper()
	env := newEnvironment(t)
	redis := redistest.StartSentinel(t, redistest.Users(t, env)...)
	return newStackOver(t, temporaltest.Shared(t), env, addresses{writer: redis.WriterURL(), reader: redis.ReaderURL()}), redis
}

// A partition leaves the old primary alone with its clients, one of whom kills. The
// replica is promoted without having heard of it, and what the old primary had alone
// is gone when it comes back. Temporal was told, so the kill is not lost; and no reader
// goes back, neither one that saw the kill nor one that saw the replica only.
func TestKillThatAFailoverHasLostIsRestored(t *testing.T) {
	t.Parallel()
	s, redis := newStackWatched(t)
	s.work()
	near := s.read("checkout-v2")
	l := s.standAtTen("checkout-v2")
	far := s.readAt(redis.Second.ReaderURL(), "checkout-v2")
	for _, r := range []*reader{near, far} {
		r.awaits("on", "checkout-v2", func(saw sight) bool { return saw.Exposure == ten && saw.Lowest })
	}
	redis.First.Proxy.Cut(redistest.Replicas, redistest.Sentinels)

	code, says := s.rampart("kill", "checkout-v2", "--reason", "support queue on fire", "--as", "oncall")

	require.Zero(t, code, says)
	require.Contains(t, says, "off in ")
	require.Contains(t, says, "none of the 1 replicas of the store has it yet")
	near.awaits("killed", "checkout-v2", func(saw sight) bool { return saw.Killed && !saw.Lowest })
	l.ends(rampart.Killed)
	s.awaitsKillKnown("checkout-v2")
	killed, found, err := s.people.Store.Killed(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.True(t, found)
	promoted := flagstore.New(redis.Second.Client(), s.env)
	_, found, err = promoted.Killed(t.Context(), "checkout-v2")
	require.NoError(t, err)
	require.False(t, found, "the replica has heard nothing")
	still, _ := far.sees("checkout-v2")
	require.True(t, still.Lowest)

	redis.First.Proxy.Cut()
	redis.Failover()

	s.awaitsKilledIn(promoted, "checkout-v2", killed)
	for _, r := range []*reader{near, far, s.read("checkout-v2")} {
		r.awaits("killed", "checkout-v2", func(saw sight) bool { return saw.Killed && !saw.Lowest && saw.Exposure == 0 })
	}

	redis.First.Proxy.Mend()
	redis.AwaitDemoted(redis.First)
	s.awaitsKilledIn(flagstore.New(redis.First.Client(), s.env), "checkout-v2", killed)
	require.Equal(t, rampart.FlagID(s.env, "checkout-v2"), s.entry("checkout-v2").Owner)
	near.requireKeepsKill("checkout-v2")
	far.requireKeepsKill("checkout-v2")

	// What was restored is alive: it takes a second person, and another launch.
	_, err = s.people.Restore(t.Context(), "checkout-v2", rampart.Ask{By: "oncall", Reason: "mended"})
	require.ErrorContains(t, err, "second person")
	_, err = s.people.Restore(t.Context(), "checkout-v2", rampart.Ask{By: "bo", Reason: "mended"})
	require.NoError(t, err)
	s.standAtTen("checkout-v2")
}

// The launch goes on: its writes that the failover has lost are written again.
func TestLaunchOutlivesAFailover(t *testing.T) {
	t.Parallel()
	s, redis := newStackWatched(t)
	s.work()
	r := s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	redis.First.Proxy.Cut(redistest.Replicas) // from here on the replica knows nothing new
	l.asks(rampart.MaxPowerRamp)
	r.awaits("on", "checkout-v2", func(saw sight) bool { return saw.Exposure == ten && saw.Lowest })

	redis.First.Proxy.Cut()
	redis.Failover()

	r.awaits("at ten again, under a new version", "checkout-v2", func(saw sight) bool { return saw.Exposure == ten })
	l.approve(rampart.MaxPowerRamp)
	l.ends(rampart.Launched)
	r.awaits("launched", "checkout-v2", func(saw sight) bool { return saw.Exposure == rampart.Full })
	redis.First.Proxy.Mend()
	redis.AwaitDemoted(redis.First)
	require.Equal(t, rampart.Full, s.entry("checkout-v2").Flag.Exposure)
}

// Everything speaks TLS, with certificates of an authority of its own on either side;
// the sentinels ask for a password that is not that of Redis.
func TestLaunchIsWalkedOverTLSBehindSentinelsThatAsk(t *testing.T) {
	t.Parallel()
	env, certs := newEnvironment(t), redistest.NewCertificates(t)
	redis := redistest.StartSentinelTLS(t, redistest.SecureSentinel{Certificates: certs, Password: "sesame"}, redistest.Users(t, env)...)
	files := flagstore.TLSFiles{CA: certs.CA, Cert: certs.ClientCert, Key: certs.ClientKey, ServerName: redistest.ServerName}
	config, err := files.Config()
	require.NoError(t, err)
	s := newStackOver(t, temporaltest.Shared(t), env, addresses{
		writer: redis.WriterURL(), reader: redis.ReaderURL(),
		variables: []string{
			"RAMPART_REDIS_TLS_CA=" + files.CA, "RAMPART_REDIS_TLS_CERT=" + files.Cert, "RAMPART_REDIS_TLS_KEY=" + files.Key,
			"RAMPART_REDIS_TLS_SERVER_NAME=" + files.ServerName, "RAMPART_REDIS_SENTINEL_PASSWORD=sesame",
		},
		people:   starter.Options{RedisTLS: files, SentinelPassword: "sesame"},
		services: flagstore.Options{TLS: config, SentinelPassword: "sesame"},
	})
	w := s.work()
	r := s.read("checkout-v2")
	l := s.start(s.aPlan("checkout-v2"))
	l.approve(rampart.MaxPowerRamp)
	l.ends(rampart.Launched)
	r.awaits("launched", "checkout-v2", func(saw sight) bool { return saw.Exposure == rampart.Full && saw.Lowest })
	eventually(t, "readers and the replica have the kill in time", func() (bool, any) {
		code, says := s.rampart("kill", "checkout-v2", "--reason", "support queue on fire", "--as", "oncall")
		require.Zero(t, code, says)
		return strings.Contains(says, "1 of 1 readers confirmed") && !strings.Contains(says, "note:"), says
	})
	require.NotContains(t, w.output.String(), "WRITER-PASSWORD")
	require.NotContains(t, w.output.String(), "sesame")
}

// awaitsKilledIn waits until a server has a kill again, as it was, and the flag at its
// baseline.
func (s *stack) awaitsKilledIn(store *flagstore.Store, flag string, killed rampart.Kill) {
	s.t.Helper()
	eventually(s.t, "the kill of "+flag+" is there again", func() (bool, any) {
		e, err := store.Get(s.t.Context(), flag)
		return err == nil && e.Kill != nil && equal(*e.Kill, killed) && e.Flag.Exposure == 0, e
	})
}

// requireKeepsKill makes sure that the reader has never lost a kill that it saw.
func (r *reader) requireKeepsKill(flag string) {
	r.s.t.Helper()
	killed := false
	for _, saw := range r.saw(flag) {
		require.False(r.s.t, killed && !saw.Killed, "a kill was lifted by a loss")
		killed = killed || saw.Killed
	}
	require.True(r.s.t, killed)
}
