package flagstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

func TestFailoverIsFollowed(t *testing.T) {
	w := redistest.StartSentinel(t)
	s := dialed(t, w.URL())
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))
	require.Equal(t, 1, killReplicated(t, s, "ann", "fire").Replicas)
	sub := follow(t, s)

	// The old primary is cut off from the sentinels and from its replica, but not
	// from the store: nobody tells the store's connections to go.
	w.First.Proxy.Cut(redistest.Replicas, redistest.Sentinels)
	lost := kill(t, s, "ben", "smoke")
	require.Zero(t, lost.Replicated, "no replica has it")
	require.Equal(t, 1, lost.Replicas, "though there is one")
	require.Equal(t, lost.Kill, *next(t, sub).Kill)
	w.Failover()

	_, err := sub.Next(t.Context())
	require.Error(t, err, "the subscription to a demoted primary ends")
	require.Eventually(t, func() bool {
		k, found, err := s.Killed(t.Context(), "f")
		return err == nil && found && k.By == "ann"
	}, patience, 10*time.Millisecond, "the new primary is asked")
	again := kill(t, s, "ben", "smoke again")
	require.Equal(t, again.Kill, register(t, flagstore.New(w.Second.Client(), env)), "it is written there")
	fresh := follow(t, s)
	_, err = s.Lift(t.Context(), "f", "cho", "water", again.Kill.Version)
	require.NoError(t, err)
	require.False(t, next(t, fresh).Kill.Killed)

	w.First.Proxy.Mend()
	w.AwaitDemoted(w.First)
	require.Equal(t, register(t, s), register(t, flagstore.New(w.First.Client(), env)), "what the old primary had alone is gone")
}

func TestConnectionsLeaveWhatIsAReplicaNow(t *testing.T) {
	w := redistest.StartSentinel(t)
	s := dialed(t, w.URL())
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))
	for range 8 { // idle connections beside each other
		go func() { _, _ = s.Load(t.Context()) }()
	}
	w.Failover()
	w.AwaitDemoted(w.First)
	for i := int64(2); i < 10; i++ {
		require.Eventually(t, func() bool {
			_, err := s.Put(t.Context(), expose(i, 500+rampart.Percent(i)))
			return err == nil
		}, patience, 10*time.Millisecond)
	}
	require.Equal(t, rampart.Percent(509), get(t, flagstore.New(w.Second.Client(), env), "f").Flag.Exposure)
}

func TestStoreOutlivesItsSentinels(t *testing.T) {
	w := redistest.StartSentinel(t)
	s := dialed(t, w.URL())
	require.NoError(t, s.Setup(t.Context(), namespace))
	w.StopSentinels()
	put(t, s, expose(1, 500))
	sub := follow(t, s) // needs a connection of its own
	put(t, s, expose(2, 600))
	require.Equal(t, began+2, next(t, sub).Flag.Version)

	late := dialed(t, w.URL(), func(o *flagstore.Options) { o.Timeout = 500 * time.Millisecond })
	err := late.Ping(t.Context())
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
	require.ErrorContains(t, err, "no sentinel")
	require.ErrorContains(t, err, w.Sentinels()[0])
	require.Contains(t, rampart.HintOf(err), "sentinels run")
}

func TestSentinelThatHangsHoldsNothingUp(t *testing.T) {
	w := redistest.StartSentinel(t)
	w.FreezeSentinel()
	s := dialed(t, w.URL())
	require.NoError(t, s.Setup(t.Context(), namespace))
	sub := follow(t, s)
	put(t, s, expose(1, 500))
	require.Equal(t, began+1, next(t, sub).Flag.Version)
}

// A sentinel that has not heard of the failover names another server, as one does that
// was cut off together with the old primary.
func TestSentinelThatHasNotHeardIsNotBelieved(t *testing.T) {
	w, other := redistest.StartSentinel(t), redistest.StartSentinel(t)
	w.Failover()
	addrs := append([]string{other.Sentinels()[0]}, w.Sentinels()...)
	s := dialed(t, "redis+sentinel://"+strings.Join(addrs, ",")+"/"+redistest.Master)
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))

	w.StopSentinels() // so that only the one answers that is wrong
	for range 3 {
		sub, err := s.Follow(t.Context()) // needs a connection of its own
		require.NoError(t, err)
		require.NoError(t, sub.Close())
	}
	put(t, s, expose(2, 600))
	require.Equal(t, rampart.Percent(600), get(t, flagstore.New(w.Second.Client(), env), "f").Flag.Exposure)
	meta, err := flagstore.New(other.First.Client(), env).Meta(t.Context())
	require.NoError(t, err)
	require.Empty(t, meta.Epoch)
}

func TestSentinelsThatKnowNoSuchPrimary(t *testing.T) {
	w := redistest.StartSentinel(t)
	s := dialed(t, w.URL()+"-not")
	err := s.Ping(t.Context())
	require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
	require.ErrorContains(t, err, "main-not")
	require.Contains(t, rampart.HintOf(err), "by that name")
}

func TestConnectionsOverTLSLeaveWhatIsAReplicaNow(t *testing.T) {
	certs := redistest.NewCertificates(t)
	w := redistest.StartSentinelTLS(t, redistest.SecureSentinel{Certificates: certs, Password: "sesame"})
	s := dialed(t, w.URL(), func(o *flagstore.Options) { o.TLS, o.SentinelPassword = tlsOf(t, certs), "sesame" })
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))
	w.Failover()
	require.Eventually(t, func() bool {
		_, err := s.Put(t.Context(), expose(2, 600))
		e, late := flagstore.New(w.Second.Client(), env).Get(t.Context(), "f")
		return (err == nil || rampart.KindOf(err) == rampart.Refused) && late == nil && e.Flag.Exposure == 600
	}, patience, 20*time.Millisecond)
}

func TestSentinelsThatAskAreGivenTheirOwnPassword(t *testing.T) {
	certs := redistest.NewCertificates(t)
	w := redistest.StartSentinelTLS(t, redistest.SecureSentinel{Certificates: certs, Password: "sesame"}, redistest.Users(t, env)...)
	for _, wrong := range []string{"", "open"} {
		s := dialed(t, w.WriterURL(), func(o *flagstore.Options) { o.TLS, o.SentinelPassword = tlsOf(t, certs), wrong })
		err := s.Ping(t.Context())
		require.Equal(t, rampart.Unreachable, rampart.KindOf(err))
		require.Contains(t, rampart.HintOf(err), "password that they ask for")
		require.NotContains(t, err.Error(), "WRITER-PASSWORD")
	}
}
