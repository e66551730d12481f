package openfeature_test

import (
	"context"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/internal/redistest"
)

var ann = openfeature.NewEvaluationContext("ann", nil)

// Ears hear what an API's handlers are called with. The SDK calls each from a goroutine
// of its own, so the order says nothing between events of two types.
type ears struct {
	of map[openfeature.EventType]chan openfeature.EventDetails
}

func listen(api *openfeature.EvaluationAPI) ears {
	e := ears{map[openfeature.EventType]chan openfeature.EventDetails{}}
	for _, is := range []openfeature.EventType{openfeature.ProviderReady, openfeature.ProviderStale, openfeature.ProviderError, openfeature.ProviderConfigChange} {
		heard := make(chan openfeature.EventDetails, 100)
		e.of[is] = heard
		handler := func(d openfeature.EventDetails) { heard <- d }
		api.AddHandler(is, &handler)
	}
	return e
}

// hear waits for the next event of a type.
func hear(t *testing.T, e ears, is openfeature.EventType) openfeature.EventDetails {
	t.Helper()
	select {
	case d := <-e.of[is]:
		require.Equal(t, provider.ProviderName, d.ProviderName)
		return d
	case <-time.After(patience):
		t.Fatalf("no %s", is)
		return openfeature.EventDetails{}
	}
}

func TestEventsOfARealStore(t *testing.T) {
	server, proxy := redistest.Start(t), redistest.StartProxy(t)
	proxy.Lead(server.Addr())
	store, err := flagstore.Open(flagstore.Options{URL: server.URL(), Environment: production})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	require.NoError(t, store.Setup(t.Context(), "namespace-1"))
	f := newFlag("checkout-v2", 1, "false", "true", rampart.Full)
	_, err = store.Put(t.Context(), flagstore.Write{
		Flag: f, Pen: rampart.Pen{Owner: rampart.FlagID(production, f.Name), Fence: f.Version}, Verb: "set", By: "ann@example.com", Reason: "test",
	})
	require.NoError(t, err)

	p := provider.NewOwner(client.Options{
		Redis: "redis://" + proxy.Addr(), Environment: production, Logger: quiet, Wait: patience, StaleAfter: 2 * time.Second,
	}, provider.Options{InitWithin: patience})
	api := register(t, p)
	heard, c := listen(api), api.NewClient()
	hear(t, heard, openfeature.ProviderReady)
	require.True(t, c.Boolean(t.Context(), "checkout-v2", false, ann))

	_, err = store.Kill(t.Context(), "checkout-v2", "ann@example.com", "fire")
	require.NoError(t, err)
	require.Equal(t, []string{"checkout-v2"}, hear(t, heard, openfeature.ProviderConfigChange).FlagChanges)
	require.False(t, c.Boolean(t.Context(), "checkout-v2", true, ann))

	proxy.Cut()
	hear(t, heard, openfeature.ProviderStale)
	require.Equal(t, openfeature.StaleState, c.State())
	require.False(t, c.Boolean(t.Context(), "checkout-v2", true, ann), "the last state is served")
	proxy.Mend()
	hear(t, heard, openfeature.ProviderReady)
	require.Equal(t, openfeature.ReadyState, c.State())
}

func TestAStoreThatComesLate(t *testing.T) {
	f := newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full))
	f.setDown(true)
	flags := openClient(t, f, func(o *client.Options) { o.Wait = -1 })
	p := provider.New(flags, provider.Options{InitWithin: time.Millisecond})
	api := newAPI(t)
	err := api.SetProviderAndWait(t.Context(), p)
	var failed *openfeature.ProviderInitError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, openfeature.ProviderNotReadyCode, failed.ErrorCode)
	heard, c := listen(api), api.NewClient()
	hear(t, heard, openfeature.ProviderError)

	d, err := c.BooleanValueDetails(t.Context(), "checkout-v2", true, ann)
	require.Error(t, err)
	require.True(t, d.Value)
	require.Equal(t, openfeature.ProviderNotReadyCode, d.ErrorCode)

	f.setDown(false)
	hear(t, heard, openfeature.ProviderReady)
	require.Equal(t, []string{"checkout-v2"}, hear(t, heard, openfeature.ProviderConfigChange).FlagChanges)
	d, err = c.BooleanValueDetails(t.Context(), "checkout-v2", false, ann)
	require.NoError(t, err)
	require.True(t, d.Value)
}

func TestAClientThatSomebodyElseCloses(t *testing.T) {
	flags := openClient(t, newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full)))
	api := register(t, provider.New(flags, provider.Options{}))
	heard, c := listen(api), api.NewClient()
	require.NoError(t, flags.Close())
	hear(t, heard, openfeature.ProviderError)
	require.True(t, c.Boolean(t.Context(), "checkout-v2", false, ann), "the last state is served")
}

func TestShutDownAndInitialisedAgain(t *testing.T) {
	o := client.Options{Environment: production, Feed: newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full)), Logger: quiet, Wait: patience}
	p := provider.NewOwner(o, provider.Options{})
	require.Nil(t, p.Client())
	require.Equal(t, openfeature.ErrorReason, p.BooleanEvaluation(t.Context(), "checkout-v2", true, nil).Reason)
	p.Shutdown() // never initialised
	for range 2 {
		require.NoError(t, p.Init(openfeature.EvaluationContext{}))
		require.NoError(t, p.Init(openfeature.EvaluationContext{}), "for another domain")
		require.True(t, p.BooleanEvaluation(t.Context(), "checkout-v2", false, openfeature.FlattenedContext{"targetingKey": "ann"}).Value)
		require.NoError(t, p.ShutdownWithContext(t.Context()))
		require.NoError(t, p.ShutdownWithContext(t.Context()))
		d := p.BooleanEvaluation(t.Context(), "checkout-v2", true, nil)
		require.True(t, d.Value)
		require.Equal(t, openfeature.ProviderNotReadyCode, d.ResolutionDetail().ErrorCode)
	}
}

func TestShutDownAbortsInitialising(t *testing.T) {
	f := newFeed()
	f.setDown(true)
	p := provider.NewOwner(client.Options{Environment: production, Feed: f, Logger: quiet, Wait: -1}, provider.Options{InitWithin: time.Hour})
	ended := make(chan error, 1)
	go func() { ended <- p.Init(openfeature.EvaluationContext{}) }()
	eventually(t, "initialising has begun", func() bool { return p.Client() != nil })
	p.Shutdown()
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(patience):
		t.Fatal("still initialising")
	}
}

func TestInitialisingEndsWithItsContext(t *testing.T) {
	f := newFeed()
	f.setDown(true)
	p := provider.New(openClient(t, f, func(o *client.Options) { o.Wait = -1 }), provider.Options{InitWithin: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.InitWithContext(ctx, openfeature.EvaluationContext{}), context.Canceled)
	p.Shutdown()
}

func TestOptionsThatNoClientCanBeOpenedWithAreFatal(t *testing.T) {
	for name, p := range map[string]*provider.Provider{
		"no environment": provider.NewOwner(client.Options{}, provider.Options{}),
		"no client":      provider.New(nil, provider.Options{}),
	} {
		t.Run(name, func(t *testing.T) {
			var fatal *openfeature.ProviderInitError
			require.ErrorAs(t, p.Init(openfeature.EvaluationContext{}), &fatal)
			require.Equal(t, openfeature.ProviderFatalCode, fatal.ErrorCode)
			p.Shutdown()
		})
	}
}
