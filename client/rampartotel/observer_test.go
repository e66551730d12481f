package rampartotel_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/rampartotel"
	"github.com/rampart-dev/rampart/flagstore"
)

// fixed is a store with one flag, which is on for everybody and never changes.
type fixed struct{}

func (fixed) Load(context.Context) (flagstore.Snapshot, error) {
	f := rampart.Flag{
		Format: rampart.FlagFormat, Name: "checkout-v2", Version: 7, Exposure: rampart.Full,
		Off: []byte("false"), On: []byte("true"), Unit: rampart.User, HashVersion: rampart.HashVersion, Launch: "a", Phase: rampart.Debug,
	}
	doc, err := json.Marshal(f)
	return flagstore.Snapshot{Epoch: "e", Revision: 1, Now: time.Now(), Flags: []flagstore.Document{{Name: f.Name, Version: f.Version, JSON: doc}}}, err
}

func (fixed) Revision(context.Context) (string, int64, error) { return "e", 1, nil }
func (fixed) Leases(context.Context) ([]rampart.LeaseTerm, time.Time, error) {
	return nil, time.Now(), nil
}
func (fixed) Confirm(context.Context, flagstore.Reader) (int, error)   { return 1, nil }
func (fixed) Leave(context.Context, string) error                      { return nil }
func (f fixed) Follow(context.Context) (flagstore.Subscription, error) { return f, nil }
func (fixed) Close() error                                             { return nil }
func (fixed) Next(ctx context.Context) (flagstore.Change, error) {
	<-ctx.Done()
	return flagstore.Change{}, ctx.Err()
}

// exporter keeps the events, or is down.
type exporter struct {
	down   bool
	mu     sync.Mutex
	events []sdklog.Record
}

func (e *exporter) Export(_ context.Context, records []sdklog.Record) error {
	if e.down {
		return errors.New("connection refused")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range records {
		e.events = append(e.events, r.Clone())
	}
	return nil
}
func (*exporter) ForceFlush(context.Context) error { return nil }
func (*exporter) Shutdown(context.Context) error   { return nil }

func open(t *testing.T, o rampartotel.Options) *client.Client {
	t.Helper()
	c, err := client.Open(t.Context(), client.Options{
		Environment: "production", Feed: fixed{}, Logger: slog.New(slog.DiscardHandler),
		Signals: client.Signals{
			Observers: []func(context.Context, client.Observation){rampartotel.Observer(o)}, Trace: rampartotel.TraceID,
			Share: rampart.Full, Salt: []byte("secret"), Session: "session", Attributes: []string{"region"},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

var subject = rampart.Subject{Key: "ann", Request: "r1", Attributes: []rampart.Attr{
	{Name: "session", Value: "s1"}, {Name: "region", Value: "eu"}, {Name: "email", Value: "ann@example.com"},
}}

func TestADecisionIsAnEventAndAnAttributeOfTheSpan(t *testing.T) {
	events, spans := &exporter{}, tracetest.NewSpanRecorder()
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(events)))
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	c := open(t, rampartotel.Options{Loggers: loggers, SpanEvents: true})

	ctx, span := tracer.Start(t.Context(), "GET /checkout")
	require.Equal(t, span.SpanContext().TraceID().String(), rampartotel.TraceID(ctx))
	ctx, r := c.Begin(ctx, subject)
	for range 2 {
		require.True(t, c.OnContext(ctx, "checkout-v2"))
	}
	r.End(false)
	span.End()

	require.Len(t, events.events, 1)
	event := events.events[0]
	require.Equal(t, "feature_flag.evaluation", event.EventName())
	require.Equal(t, span.SpanContext().TraceID(), event.TraceID())
	got := map[string]string{}
	event.WalkAttributes(func(kv attribute.KeyValue) bool {
		got[string(kv.Key)] = kv.Value.AsString()
		return true
	})
	session := got["session.id"]
	for _, hash := range []string{"feature_flag.context.id", "session.id"} {
		require.Regexp(t, "^[0-9a-f]{32}$", got[hash])
		delete(got, hash)
	}
	require.Equal(t, map[string]string{
		"feature_flag.key": "checkout-v2", "feature_flag.result.variant": "on", "feature_flag.result.reason": "static",
		"feature_flag.set.id": "production", "feature_flag.version": "7", "feature_flag.provider.name": "rampart",
		"rampart.reason": "FULL", "rampart.arm": "on", "rampart.phase": "debug",
		"rampart.request.id": "r1", "rampart.subject.region": "eu",
	}, got)

	ended := spans.Ended()
	require.Len(t, ended, 1)
	require.ElementsMatch(t, []attribute.KeyValue{
		attribute.String("feature_flag.result.variant.checkout-v2", "on"),
		attribute.String("rampart.request.id", "r1"), attribute.String("session.id", session),
	}, ended[0].Attributes(), "a journey can be joined by its spans alone")
	require.Len(t, ended[0].Events(), 1)
	require.Equal(t, "feature_flag.evaluation", ended[0].Events()[0].Name)
}

// Who has no unit is served the caller's default, which is told as an error.
func TestADecisionThatFailedIsToldWithItsError(t *testing.T) {
	events, spans := &exporter{}, tracetest.NewSpanRecorder()
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(events)))
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
	tell := rampartotel.Observer(rampartotel.Options{Loggers: loggers})
	ctx, span := tracer.Start(t.Context(), "GET /checkout")
	tell(ctx, client.Observation{Environment: "production", Decision: rampart.Decision{Flag: "checkout-v2", Reason: rampart.ReasonNoUnit}})
	span.End()

	require.Len(t, events.events, 1)
	got := map[string]string{}
	events.events[0].WalkAttributes(func(kv attribute.KeyValue) bool {
		got[string(kv.Key)] = kv.Value.AsString()
		return true
	})
	require.Equal(t, "targeting_key_missing", got["error.type"])
	require.Equal(t, "error", got["feature_flag.result.reason"])
	for _, unknown := range []string{"feature_flag.result.variant", "feature_flag.context.id", "session.id", "rampart.request.id"} {
		require.NotContains(t, got, unknown)
	}
	require.Equal(t, []attribute.KeyValue{attribute.String("feature_flag.result.variant.checkout-v2", "default")}, spans.Ended()[0].Attributes())
}

func TestRequestsGoOnWithoutTelemetry(t *testing.T) {
	for name, o := range map[string]rampartotel.Options{
		"no provider was ever set": {},
		"the exporter is down":     {Loggers: sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(&exporter{down: true})))},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, o)
			ctx, r := c.Begin(t.Context(), subject)
			defer r.End(true)
			require.True(t, c.OnContext(ctx, "checkout-v2"))
			require.Empty(t, rampartotel.TraceID(ctx))
		})
	}
}

func TestTracesThatAreNotKeptHaveNoID(t *testing.T) {
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("test")
	ctx, span := tracer.Start(t.Context(), "GET /checkout")
	defer span.End()
	require.Empty(t, rampartotel.TraceID(ctx))
}
