// Package rampartotel tells OpenTelemetry what was decided of flags with a launch.
//
//	flags, err := client.Open(ctx, client.Options{
//		...
//		Signals: client.Signals{
//			Observers: []func(context.Context, client.Observation){rampartotel.Observer(rampartotel.Options{})},
//			Trace:     rampartotel.TraceID,
//			Salt:      salt,
//		},
//	})
//
// Each decision that a request is the first to ask for is a log event named
// feature_flag.evaluation, with the attributes of the semantic conventions for feature
// flags, within the trace of the request, and an attribute of its span. The id of the
// request joins the events of one journey through services; the hash of the session,
// where there is one, joins its journeys. Which requests are told of is up to the
// operations flag that [client.Signals] names.
//
// Emitting never waits where the provider's processor batches, as that of the SDK does:
// while an exporter is down, events are dropped and requests go on.
//
// It is a module of its own, so that only services which use it depend on OpenTelemetry.
package rampartotel
