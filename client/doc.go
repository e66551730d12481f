// Package client lets a service read flags at the speed of memory.
//
// # Promise
//
// A decision is local: it takes nanoseconds, allocates nothing, takes no lock,
// waits for no network and never panics. The client is a replica of the store that
// follows the change feed and keeps, for each flag, the highest version that it
// has ever seen. So no flag ever goes backwards, whatever Redis loses; a kill
// wins over everything; and a lease ends by the reader's own clock, with no writer
// and no network needed. Without the store the last state is served, and
// [Client.Status] and the metrics say how stale it is.
//
// # Use
//
//	flags, err := client.Open(ctx, client.Options{
//		Redis:       "redis://localhost:6379",
//		Environment: "production",
//		Service:     "checkout",
//		Registerer:  prometheus.DefaultRegisterer,
//	})
//	checkout := flags.Flag("checkout-v2")
//
//	http.Handle("/", client.Middleware(flags, subjectOf)(mux))
//
//	func (s *shop) buy(w http.ResponseWriter, r *http.Request) {
//		if checkout.OnContext(r.Context()) {
//			...
//
// # Counting
//
// [Middleware], or [Client.Begin] where there is no HTTP, ties the outcome and the
// duration of each request to the arm of every flag with a launch that was decided
// for it. [Client.Track] does so for business events. Labels are bounded, and no
// user, revision or version is among them.
//
// # Telling
//
// [Signals] and [LogHandler] tell of single requests, [Transport] and [TrustingMiddleware]
// let services agree about one. Packages beside this one do so for gRPC, zap, OpenTelemetry.
package client
