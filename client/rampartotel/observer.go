package rampartotel

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// Options say where decisions are told. The zero value tells them to the global
// provider of loggers and to the span of the context.
type Options struct {
	// Loggers makes the logger of the events; default: the global provider.
	Loggers log.LoggerProvider
	// SpanEvents adds the events to the span too, for back-ends that keep no log events.
	SpanEvents bool
}

// Event is the name of the event, as the semantic conventions have it.
const Event = "feature_flag.evaluation"

// scope names the library that the events come from.
const scope = "github.com/rampart-dev/rampart/client/rampartotel"

// Observer returns an observer for [client.Signals] that tells each decision as a log
// event, and in an attribute of the span, feature_flag.result.variant. with the flag's
// name behind it, so that spans can be searched by what was served. The span gets the
// ids of the request and of the session too, so that a journey can be joined though its
// events are kept elsewhere, or not at all.
func Observer(o Options) func(context.Context, client.Observation) {
	if o.Loggers == nil {
		o.Loggers = otel.GetLoggerProvider() // which hands over to one that is set later
	}
	t := teller{logger: o.Loggers.Logger(scope), spanEvents: o.SpanEvents}
	return t.tell
}

// TraceID is for [client.Signals.Trace]: the id of the trace of the context, if it is
// sampled, and nothing where it is not.
func TraceID(ctx context.Context) string {
	if s := trace.SpanContextFromContext(ctx); s.IsSampled() && s.HasTraceID() {
		return s.TraceID().String()
	}
	return ""
}

type teller struct {
	logger     log.Logger
	spanEvents bool
}

func (t teller) tell(ctx context.Context, o client.Observation) {
	span := trace.SpanFromContext(ctx)
	enabled := t.logger.Enabled(ctx, log.EnabledParameters{Severity: log.SeverityInfo, EventName: Event})
	if !enabled && !span.IsRecording() {
		return
	}
	attributes := attributesOf(o)
	if enabled {
		t.logger.Emit(ctx, record(attributes))
	}
	if span.IsRecording() {
		span.SetAttributes(journey(o)...)
		span.SetAttributes(attribute.String("feature_flag.result.variant."+o.Flag, variant(o.Decision)))
		if t.spanEvents {
			span.AddEvent(Event, trace.WithAttributes(attributes...))
		}
	}
}

func record(attributes []attribute.KeyValue) log.Record {
	var r log.Record
	r.SetEventName(Event)
	r.SetTimestamp(time.Now())
	r.SetSeverity(log.SeverityInfo)
	r.AddAttributes(attributes...)
	return r
}

// attributesOf has the names of the semantic conventions, and Rampart's where those have
// none. All are strings, as those of the conventions are.
func attributesOf(o client.Observation) []attribute.KeyValue {
	all := []attribute.KeyValue{
		attribute.String("feature_flag.key", o.Flag),
		attribute.String("feature_flag.result.reason", strings.ToLower(o.Reason.Standard())),
		attribute.String("feature_flag.set.id", o.Environment),
		attribute.String("feature_flag.version", strconv.FormatInt(o.Version, 10)),
		attribute.String("feature_flag.provider.name", "rampart"),
		attribute.String("rampart.reason", o.Reason.String()),
		attribute.String("rampart.arm", o.Arm.String()),
	}
	all = append(all, journey(o)...)
	for key, value := range map[string]string{
		"feature_flag.result.variant": o.Variant(),
		"feature_flag.context.id":     o.Subject,
		"error.type":                  strings.ToLower(o.Reason.ErrorCode()),
		"rampart.phase":               string(o.Phase),
	} {
		if value != "" {
			all = append(all, attribute.String(key, value))
		}
	}
	for _, a := range o.Attributes {
		all = append(all, attribute.String("rampart.subject."+a.Name, a.Value))
	}
	return all
}

// journey is what events and spans of one request, and of one session, have in common.
func journey(o client.Observation) (ids []attribute.KeyValue) {
	if o.Request != "" {
		ids = append(ids, attribute.String("rampart.request.id", o.Request))
	}
	if o.Session != "" {
		ids = append(ids, attribute.String("session.id", o.Session))
	}
	return ids
}

// variant is never empty, so that a span that served the caller's default is found too.
func variant(d rampart.Decision) string {
	if v := d.Variant(); v != "" {
		return v
	}
	return "default"
}
