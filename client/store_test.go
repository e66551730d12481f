package client_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

// The patience of tests with real parts, on a machine under load.
const (
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

func openStore(t *testing.T) (*flagstore.Store, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t, redistest.Users(t, production)...)
	store, err := flagstore.Open(flagstore.Options{URL: server.WriterURL(), Environment: production})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "namespace-1"))
	return store, server
}

func openReader(t *testing.T, server *redistest.Server, change ...func(*client.Options)) *client.Client {
	t.Helper()
	return open(t, nil, append(change, func(o *client.Options) { o.Redis, o.Wait = server.ReaderURL(), patience })...)
}

func write(t *testing.T, store *flagstore.Store, f rampart.Flag, change ...func(*flagstore.Write)) flagstore.Ack {
	t.Helper()
	w := flagstore.Write{Flag: f, Pen: rampart.Pen{Owner: rampart.FlagID(production, f.Name), Fence: f.Version}, Verb: "set", By: "ann@example.com", Reason: "test"}
	for _, c := range change {
		c(&w)
	}
	ack, err := store.Put(t.Context(), w)
	require.NoError(t, err)
	return ack
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, tick, what)
}

func TestReaderOfARealStore(t *testing.T) {
	store, server := openStore(t)
	write(t, store, checkout(1, 0))
	c := openReader(t, server)
	f := c.Flag("checkout-v2")
	require.False(t, f.On(ann))
	eventually(t, "the reader is listed", func() bool {
		listed, err := store.Readers(t.Context())
		return err == nil && len(listed) == 1
	})

	ack := write(t, store, checkout(2, rampart.Full), func(w *flagstore.Write) { w.Confirm = true })
	eventually(t, "the reader sees a write", func() bool { return f.On(ann) })
	confirmed, _, err := store.WaitConfirmed(t.Context(), ack.Revision, patience)
	require.NoError(t, err)
	require.Equal(t, 1, confirmed.Confirmed)
	require.Equal(t, 1, confirmed.Readers)

	killed, err := store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	eventually(t, "a kill wins", func() bool { return !f.On(ann) })
	confirmed, _, err = store.WaitConfirmed(t.Context(), killed.Revision, patience)
	require.NoError(t, err)
	require.Equal(t, 1, confirmed.Confirmed)
}

func TestRealStoreRestartedEmpty(t *testing.T) {
	store, server := openStore(t)
	write(t, store, checkout(1, rampart.Full))
	other := checkout(1, rampart.Full)
	other.Name = "new-cart"
	write(t, store, other)
	_, err := store.Kill(t.Context(), "new-cart", "ann@example.com", "fire")
	require.NoError(t, err)
	c := openReader(t, server)
	require.True(t, c.On("checkout-v2", ann))
	before := c.Status()

	server.Restart()
	eventually(t, "the reader is back", func() bool {
		s := c.Status()
		return s.Failure == "" && s.Revision != before.Revision
	})
	require.True(t, c.On("checkout-v2", ann), "kept")
	require.Equal(t, rampart.ReasonKilled, c.Decide("new-cart", ann).Reason)

	require.NoError(t, store.RestoreMeta(t.Context(), "namespace-1"))
	write(t, store, checkout(3, 0))
	eventually(t, "what is restored counts again", func() bool { return !c.On("checkout-v2", ann) })
	require.Equal(t, rampart.ReasonKilled, c.Decide("new-cart", ann).Reason)
}

func TestRealStoreThatFreezes(t *testing.T) {
	store, server := openStore(t)
	write(t, store, checkout(1, rampart.Full))
	c := openReader(t, server, func(o *client.Options) { o.StaleAfter = 500 * time.Millisecond })
	server.Freeze()
	eventually(t, "the reader says that it is stale", func() bool { return c.Status().State == client.Stale })
	require.True(t, c.On("checkout-v2", ann), "no request waits")
	server.Thaw()
	eventually(t, "the reader is current again", func() bool { return c.Status().State == client.Current })
}

func TestReaderOverTLSWithAPasswordOfItsOwn(t *testing.T) {
	own := redistest.NewCertificates(t)
	server := redistest.StartTLS(t, own, redistest.Users(t, production)...)
	store, err := flagstore.Open(flagstore.Options{URL: server.WriterURL(), Environment: production})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "namespace-1"))
	write(t, store, checkout(1, rampart.Full))

	config, err := flagstore.TLSFiles{CA: own.CA, Cert: own.ClientCert, Key: own.ClientKey, ServerName: redistest.ServerName}.Config()
	require.NoError(t, err)
	c := open(t, nil, func(o *client.Options) {
		o.Redis, o.Wait = server.TLSURL(), patience
		o.Store = flagstore.Options{User: "rampart-reader", Password: "READER-PASSWORD", TLS: config}
	})
	require.Equal(t, client.FromStore, c.Status().Source)
	require.True(t, c.On("checkout-v2", ann))
	_, err = store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	eventually(t, "a kill wins", func() bool { return !c.On("checkout-v2", ann) })
}

func TestRealLeaseEndsWithNobodyWriting(t *testing.T) {
	store, server := openStore(t)
	write(t, store, checkout(1, rampart.Full), func(w *flagstore.Write) { w.Lease = 3 * time.Second })
	c := openReader(t, server)
	f := c.Flag("checkout-v2")
	require.True(t, f.On(ann))

	renewed, err := store.RenewLease(t.Context(), "checkout-v2", 1, 4*time.Second)
	require.NoError(t, err)
	eventually(t, "the lease ends", func() bool { return f.Decide(ann).Reason == rampart.ReasonLeaseEnded })
	now, err := store.Now(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, now.UnixMilli()+100, renewed.Term.End, "not before its renewed end")
}

func TestBootstrapFileServesAProcessThatStartsAlone(t *testing.T) {
	store, server := openStore(t)
	file := t.TempDir() + "/flags.json"
	bootstrapped := func(o *client.Options) { o.Bootstrap = file }
	write(t, store, checkout(2, rampart.Full))
	_, err := store.PutSegment(t.Context(), rampart.Segment{Name: "internal", Keys: []string{"ann"}}, "ann@example.com", "new")
	require.NoError(t, err)
	first := openReader(t, server, bootstrapped)
	require.Equal(t, client.FromStore, first.Status().Source)
	require.NoError(t, first.Close())

	server.Stop()
	alone := func(o *client.Options) { o.Wait = -1 }
	c := open(t, nil, bootstrapped, alone, func(o *client.Options) { o.Redis = server.ReaderURL() })
	require.True(t, c.Ready())
	status := c.Status()
	require.Equal(t, client.FromBootstrap, status.Source)
	require.Equal(t, client.Stale, status.State)
	require.True(t, c.On("checkout-v2", ann))

	elsewhere := open(t, nil, bootstrapped, alone, func(o *client.Options) { o.Redis, o.Environment = server.ReaderURL(), "staging" })
	require.False(t, elsewhere.Ready(), "a file of another environment says nothing")
}
