package flagstore_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

const patience = 30 * time.Second

// dialed opens a store by its address.
func dialed(t testing.TB, url string, change ...func(*flagstore.Options)) *flagstore.Store {
	t.Helper()
	o := flagstore.Options{URL: url, Environment: env}
	for _, f := range change {
		f(&o)
	}
	s, err := flagstore.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStoreIsTheSameInEveryForm(t *testing.T) {
	for name, start := range map[string]func(*testing.T) (writer, reader string, how func(*flagstore.Options)){
		"one server": func(t *testing.T) (string, string, func(*flagstore.Options)) {
			srv := redistest.Start(t, redistest.Users(t, env)...)
			return srv.WriterURL(), srv.ReaderURL(), nil
		},
		"sentinels": func(t *testing.T) (string, string, func(*flagstore.Options)) {
			w := redistest.StartSentinel(t, redistest.Users(t, env)...)
			return w.WriterURL(), w.ReaderURL(), nil
		},
		"a cluster": func(t *testing.T) (string, string, func(*flagstore.Options)) {
			c := redistest.StartCluster(t, redistest.Users(t, env)...)
			return c.WriterURL(), c.ReaderURL(), nil
		},
		"sentinels that ask, over TLS": func(t *testing.T) (string, string, func(*flagstore.Options)) {
			certs := redistest.NewCertificates(t)
			w := redistest.StartSentinelTLS(t, redistest.SecureSentinel{Certificates: certs, Password: "sesame"}, redistest.Users(t, env)...)
			return w.WriterURL(), w.ReaderURL(), func(o *flagstore.Options) { o.TLS, o.SentinelPassword = tlsOf(t, certs), "sesame" }
		},
		"a cluster over TLS": func(t *testing.T) (string, string, func(*flagstore.Options)) {
			certs := redistest.NewCertificates(t)
			c := redistest.StartClusterTLS(t, certs, redistest.Users(t, env)...)
			return c.WriterURL(), c.ReaderURL(), func(o *flagstore.Options) { o.TLS = tlsOf(t, certs) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			writer, reader, how := start(t)
			if how == nil {
				how = func(*flagstore.Options) {}
			}
			walk(t, dialed(t, writer, how), dialed(t, reader, how))
		})
	}
}

// tlsOf is how a client that has a certificate speaks to servers.
func tlsOf(t *testing.T, c redistest.Certificates) *tls.Config {
	t.Helper()
	config, err := flagstore.TLSFiles{CA: c.CA, Cert: c.ClientCert, Key: c.ClientKey, ServerName: redistest.ServerName}.Config()
	require.NoError(t, err)
	return config
}

// walk does everything that there is to do, with a user who may write and one who
// may read.
func walk(t *testing.T, writer, reader *flagstore.Store) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, writer.Ping(ctx))
	require.NoError(t, writer.Setup(ctx, namespace))
	require.NoError(t, writer.Guard(ctx, namespace))
	require.NoError(t, reader.Ping(ctx))
	sub := follow(t, reader)
	_, err := reader.Confirm(ctx, flagstore.Reader{ID: "reader-1", Service: "checkout", Revision: 1})
	require.NoError(t, err)

	acquired, err := writer.Acquire(ctx, flagstore.AcquireInput{Flag: "f", Owner: launch, At: began, By: "ann", Baseline: ptr(flag("f", 0))})
	require.NoError(t, err)
	require.Equal(t, acquired.Version, next(t, sub).Flag.Version)
	ack := put(t, writer, with(expose(1, 500), func(w *flagstore.Write) { w.Lease = time.Hour }))
	require.Equal(t, ack.Revision, next(t, sub).Revision)
	_, err = writer.RenewLease(ctx, "f", ack.Version, 2*time.Hour)
	require.NoError(t, err)
	_, err = writer.PutSegment(ctx, rampart.Segment{Name: "internal", Keys: []string{"ann"}}, "ann", "new")
	require.NoError(t, err)
	require.Equal(t, "internal", next(t, sub).Segment.Name)
	require.NoError(t, writer.PutEvidence(ctx, "f", "run-1", began, []byte("blob")))
	tick, _, err := writer.Evidence(ctx, "f", "run-1")
	require.NoError(t, err)
	require.Equal(t, began, tick)

	terms, now, err := reader.Leases(ctx)
	require.NoError(t, err)
	require.Len(t, terms, 1)
	require.Greater(t, terms[0].End, now.UnixMilli())
	loaded, err := reader.Load(ctx)
	require.NoError(t, err)
	require.Len(t, loaded.Flags, 1)
	require.Len(t, loaded.Segments, 1)

	killed := kill(t, writer, "ann", "fire")
	require.Equal(t, killed.Kill, *next(t, sub).Kill)
	_, revision, err := reader.Revision(ctx)
	require.NoError(t, err)
	require.Equal(t, killed.Revision, revision)
	_, err = reader.Confirm(ctx, flagstore.Reader{ID: "reader-1", Service: "checkout", Revision: revision})
	require.NoError(t, err)
	confirmed, lagging, err := writer.WaitConfirmed(ctx, killed.Revision, patience)
	require.NoError(t, err)
	require.Equal(t, 1, confirmed.Confirmed)
	require.Empty(t, lagging)
	listed, err := writer.Readers(ctx)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.NoError(t, reader.Leave(ctx, "reader-1"))

	lifted, err := writer.Lift(ctx, "f", "ben", "water", killed.Kill.Version)
	require.NoError(t, err)
	require.NoError(t, writer.RestoreKill(ctx, lifted))
	require.Equal(t, lifted, register(t, writer))
	require.Equal(t, rampart.Percent(500), get(t, writer, "f").Flag.Exposure)
	entries, err := writer.List(ctx)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	segments, err := writer.Segments(ctx)
	require.NoError(t, err)
	require.Len(t, segments, 1)
	history, err := writer.History(ctx, "f", 10)
	require.NoError(t, err)
	require.Len(t, history, 4, "acquired, exposed, killed, restored")
	events, err := writer.Events(ctx, "", 10)
	require.NoError(t, err)
	require.Len(t, events, 5, "and the segment")
	clock, err := writer.Now(ctx)
	require.NoError(t, err)
	require.False(t, clock.Before(now))
}

func ptr[T any](v T) *T { return &v }

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

func TestEndpointThatLeadsElsewhereIsFollowed(t *testing.T) {
	old := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	endpoint := redistest.StartProxy(t)
	endpoint.Lead(old.Addr())
	s := dialed(t, "redis://"+endpoint.Addr())
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))

	// As a provider does it: a replica of the new primary is what the old one becomes,
	// and nobody ends the connections to it.
	promoted := redistest.Start(t)
	host, port, err := net.SplitHostPort(promoted.Addr())
	require.NoError(t, err)
	require.NoError(t, flagstore.New(promoted.Client(), env).Setup(t.Context(), namespace))
	endpoint.Lead(promoted.Addr())
	require.NoError(t, old.Client().ReplicaOf(t.Context(), host, port).Err())

	put(t, s, expose(2, 600))
	require.Equal(t, rampart.Percent(600), get(t, flagstore.New(promoted.Client(), env), "f").Flag.Exposure)
}

func TestPrimaryOfAClusterMoves(t *testing.T) {
	c := redistest.StartCluster(t)
	s := dialed(t, c.URL())
	require.NoError(t, s.Setup(t.Context(), namespace))
	put(t, s, expose(1, 500))
	holder := c.Holding(state)
	replica := c.AddReplica(holder)
	killReplicated(t, s, "ann", "fire")

	c.Promote(replica)
	require.Eventually(t, func() bool {
		k, err := s.Kill(t.Context(), "f", "ben", "smoke")
		return err == nil && k.Kill.By == "ben" && register(t, flagstore.New(replica.Client(), env)).By == "ben"
	}, patience, 10*time.Millisecond, "a kill finds the new primary")
	_, err := s.Load(t.Context())
	require.NoError(t, err)
	_, err = s.Now(t.Context())
	require.NoError(t, err)
	sub := follow(t, s)
	_, err = s.Lift(t.Context(), "f", "cho", "water", register(t, s).Version)
	require.NoError(t, err)
	require.False(t, next(t, sub).Kill.Killed)

	holder.Kill()
	require.Eventually(t, func() bool {
		_, err := s.Put(context.Background(), expose(2, 600))
		return err == nil
	}, patience, 10*time.Millisecond, "the old node is not missed")
}
