package openfeature_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/multi"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	provider "github.com/rampart-dev/rampart/client/openfeature"
)

func byRequest(f rampart.Flag) rampart.Flag {
	f.Unit = rampart.Request
	return f
}

func TestDetails(t *testing.T) {
	launched := newFlag("checkout-v2", 7, `"old"`, `"new"`, rampart.Full)
	launched.Phase, launched.Launch = rampart.Debug, rampart.LaunchID(production, "checkout-v2")
	f := newFeed(
		launched,
		newFlag("half", 1, "1", "2.5", 5000),
		byRequest(newFlag("half-of-requests", 1, "false", "true", 5000)),
		newFlag("list", 1, "[]", `[1,"two"]`, rampart.Full),
		newFlag("null", 1, "false", "null", rampart.Full),
		newFlag("whole", 1, "0", "3.0", rampart.Full),
	)
	f.kill("unseen")
	c := register(t, provider.New(openClient(t, f), provider.Options{Metadata: provider.Always})).NewClient()
	eventually(t, "the kill has come", func() bool {
		d, _ := c.BooleanValueDetails(t.Context(), "unseen", true, ann)
		return d.Reason == openfeature.DisabledReason
	})

	for name, want := range map[string]struct {
		kind, flag string
		def, value any
		about      openfeature.EvaluationContext
		reason     openfeature.Reason
		variant    string
		code       openfeature.ErrorCode
	}{
		"a flag that is full":                    {"string", "checkout-v2", "", "new", ann, openfeature.StaticReason, "on", ""},
		"nobody is known who could be bucketed":  {"float", "half", 9.0, 9.0, openfeature.EvaluationContext{}, openfeature.ErrorReason, "", openfeature.TargetingKeyMissingCode},
		"no request is known":                    {"boolean", "half-of-requests", true, true, ann, openfeature.ErrorReason, "", openfeature.TargetingKeyMissingCode},
		"a whole number is a float":              {"float", "whole", 9.0, 3.0, ann, openfeature.StaticReason, "on", ""},
		"3.0 is a whole number":                  {"integer", "whole", int64(9), int64(3), ann, openfeature.StaticReason, "on", ""},
		"a list is an object":                    {"object", "list", nil, []any{1.0, "two"}, ann, openfeature.StaticReason, "on", ""},
		"null is no object":                      {"object", "null", 5, 5, ann, openfeature.ErrorReason, "", openfeature.TypeMismatchCode},
		"a string is no bool":                    {"boolean", "checkout-v2", true, true, ann, openfeature.ErrorReason, "", openfeature.TypeMismatchCode},
		"an unknown flag":                        {"boolean", "nobody-wrote-this", true, true, ann, openfeature.ErrorReason, "", openfeature.FlagNotFoundCode},
		"a flag that was killed before it came ": {"boolean", "unseen", true, true, ann, openfeature.DisabledReason, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := evaluate(t.Context(), c, want.kind, want.flag, want.def, want.about)
			require.Equal(t, want.value, d.Value)
			require.Equal(t, want.reason, d.Reason)
			require.Equal(t, want.variant, d.Variant)
			require.Equal(t, want.code, d.ErrorCode)
		})
	}
	d, err := c.StringValueDetails(t.Context(), "checkout-v2", "", ann)
	require.NoError(t, err)
	require.Equal(t, openfeature.FlagMetadata{
		"flagVersion": int64(7), "version": "7", "flagSetId": production, "phase": "debug", "arm": "on", "reason": "FULL",
	}, d.FlagMetadata)
}

// Whoever listens is told; whoever does not, pays for nothing.
func TestMetadataIsForHooks(t *testing.T) {
	flags := openClient(t, newFeed(newFlag("checkout-v2", 7, "false", "true", rampart.Full)))
	hooks := []openfeature.Hook{openfeature.UnimplementedHook{}}
	for name, c := range map[string]struct {
		options provider.Options
		carried bool
	}{
		"nobody":                           {provider.Options{}, false},
		"a hook of the provider":           {provider.Options{Hooks: hooks}, true},
		"a hook elsewhere":                 {provider.Options{Metadata: provider.Always}, true},
		"a hook that asks for no metadata": {provider.Options{Hooks: hooks, Metadata: provider.Never}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := register(t, provider.New(flags, c.options)).NewClient().BooleanValueDetails(t.Context(), "checkout-v2", false, ann)
			require.NoError(t, err)
			require.True(t, d.Value)
			require.Equal(t, "on", d.Variant)
			require.Equal(t, c.carried, d.FlagMetadata[provider.FlagVersion] == int64(7))
			require.Equal(t, c.carried, len(d.FlagMetadata) > 0)
		})
	}
}

func TestNoPanicReachesTheCaller(t *testing.T) {
	f := newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full))
	p := provider.New(openClient(t, f), provider.Options{Metadata: provider.Always, Describe: func(*rampart.Flag) openfeature.FlagMetadata { panic("mine") }})
	d := p.BooleanEvaluation(t.Context(), "checkout-v2", true, openfeature.FlattenedContext{"targetingKey": "ann"})
	require.True(t, d.Value)
	require.Equal(t, openfeature.GeneralCode, d.ResolutionDetail().ErrorCode)
	require.Contains(t, d.ResolutionDetail().ErrorMessage, "mine")

	hostile := map[string]any{"text": panics{}, "chan": make(chan int), "nil": (*panics)(nil), "func": func() {}}
	looking := newFlag("looking", 1, "false", "true", rampart.Full)
	looking.Include = []rampart.Rule{{Attribute: "text", In: []string{"a"}}}
	p = provider.New(openClient(t, newFeed(looking, newFlag("checkout-v2", 1, "false", "true", rampart.Full))), provider.Options{})
	d = p.BooleanEvaluation(t.Context(), "looking", false, hostile)
	require.False(t, d.Value)
	require.Equal(t, openfeature.GeneralCode, d.ResolutionDetail().ErrorCode)
	require.True(t, p.BooleanEvaluation(t.Context(), "checkout-v2", false, hostile).Value, "it looks at none of them")
	var nobody context.Context
	require.True(t, p.BooleanEvaluation(nobody, "checkout-v2", false, nil).Value)
	p.Track(nobody, "bought", openfeature.NewEvaluationContext("ann", hostile), openfeature.TrackingEventDetails{})
}

type panics struct{}

func (panics) MarshalText() ([]byte, error) { panic("cannot be written") }

// What services do that know OpenFeature only: the gates get as much as from the
// native API.
func TestEvaluationsOfARequestAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		subject rampart.Subject               // of the request
		about   openfeature.EvaluationContext // of the evaluation
		counted bool
	}{
		"the request says who it is":            {subject: rampart.Subject{Key: "ann"}, counted: true},
		"the evaluation says who it is":         {about: ann, counted: true},
		"both say the same":                     {subject: rampart.Subject{Key: "ann"}, about: ann, counted: true},
		"the evaluation is about somebody else": {subject: rampart.Subject{Key: "bob"}, about: ann},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlag("checkout-v2", 1, "false", "true", rampart.Full)
			f.Phase, f.Launch = rampart.MaxPowerRamp, rampart.LaunchID(production, f.Name)
			registry := prometheus.NewRegistry()
			flags := openClient(t, newFeed(f), func(o *client.Options) { o.Registerer, o.Events = registry, []string{"bought"} })
			of := register(t, provider.New(flags, provider.Options{})).NewClient()
			server := client.Middleware(flags, func(*http.Request) rampart.Subject { return c.subject })(http.HandlerFunc(
				func(_ http.ResponseWriter, r *http.Request) {
					require.True(t, of.Boolean(r.Context(), "checkout-v2", false, c.about))
					of.Track(r.Context(), "bought", c.about, openfeature.NewTrackingEventDetails(9.5))
				}))
			server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))

			want := map[string]float64{"rampart_requests_total": 1, "rampart_exposed_units_total": 1, "rampart_events_total": 1, "rampart_event_value_total": 9.5}
			for metric, n := range want {
				if !c.counted {
					n = 0
				}
				require.Equal(t, n, sum(t, registry, metric), metric)
			}
		})
	}
}

// sum adds up the series of the on arm.
func sum(t *testing.T, registry *prometheus.Registry, name string) (total float64) {
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == name && l.GetName() == "arm" && l.GetValue() == "on" {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

func TestAttributesOfTheContext(t *testing.T) {
	f := newFlag("checkout-v2", 1, "false", "true", 0)
	f.Include = []rampart.Rule{{Attribute: "user.plan", In: []string{"gold"}}, {Attribute: "age", In: []string{"42"}}}
	flags := openClient(t, newFeed(f))
	c := register(t, provider.New(flags, provider.Options{})).NewClient()
	for _, about := range []map[string]any{{"user": map[string]any{"plan": "gold"}}, {"age": 42}, {"age": 42.0}} {
		require.True(t, c.Boolean(t.Context(), "checkout-v2", false, openfeature.NewTargetlessEvaluationContext(about)), about)
	}
	require.False(t, c.Boolean(t.Context(), "checkout-v2", true, ann))
	ctx, request := flags.Begin(t.Context(), rampart.Subject{Key: "ann", Attributes: []rampart.Attr{{Name: "age", Value: "42"}}})
	require.True(t, c.Boolean(ctx, "checkout-v2", false, ann), "the request's attributes too")
	require.False(t, c.Boolean(ctx, "checkout-v2", true, openfeature.NewEvaluationContext("bob", nil)), "but not of somebody else")
	request.End(false)
}

// OpenFeature's multi-provider writes into the metadata that it gets.
func TestBehindTheMultiProviderManyAtOnce(t *testing.T) {
	p := provider.New(openClient(t, newFeed(newFlag("checkout-v2", 1, "false", "true", rampart.Full))), provider.Options{Metadata: provider.Always})
	m, err := multi.NewProvider(multi.StrategyFirstMatch, multi.WithProvider("rampart", p))
	require.NoError(t, err)
	api := newAPI(t)
	require.NoError(t, api.SetProviderAndWait(t.Context(), m))
	c := api.NewClient()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				d, err := c.BooleanValueDetails(context.Background(), "checkout-v2", false, ann)
				if err != nil || !d.Value {
					t.Errorf("%v %v", d, err)
				}
			}
		})
	}
	all.Wait()
	require.NotContains(t, p.BooleanEvaluation(t.Context(), "checkout-v2", false, nil).FlagMetadata, multi.MetadataProviderName)
}
