package flagstore_test

import (
	"context"
	"crypto/tls"
	"net"
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
	require.NoError(t, writer.PutLook(ctx, "f", "run-1", []byte("blob"), point(1)))
	tick, _, err := writer.Evidence(ctx, "f", "run-1")
	require.NoError(t, err)
	require.Equal(t, point(1).At, tick)
	series, err := writer.Series(ctx, "f", "run-1")
	require.NoError(t, err)
	require.Equal(t, []flagstore.Point{point(1)}, series)

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
