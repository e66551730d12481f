// Package rampartgrpc ties gRPC calls to the flags that are decided for them, as
// [client.Middleware] does with HTTP requests.
//
//	grpc.NewServer(
//		grpc.ChainUnaryInterceptor(rampartgrpc.UnaryServer(flags, rampartgrpc.Server{Subject: subjectOf})),
//		grpc.ChainStreamInterceptor(rampartgrpc.StreamServer(flags, rampartgrpc.Server{Subject: subjectOf})),
//	)
//
// # Outcomes
//
// A call counts as an error where the server is at fault, in the sense of OpenTelemetry's
// conventions for gRPC servers: Unknown, DeadlineExceeded, Unimplemented, Internal,
// Unavailable and DataLoss, and where the handler panics. Everything else, such as
// InvalidArgument, NotFound, PermissionDenied or Canceled, is an answer. A stream has an
// outcome and no duration, because how long somebody listens is no latency.
//
// # What travels
//
// [UnaryClient] and [StreamClient] carry the request's id and decisions on in W3C
// baggage, and the unit key where that is asked for. A server believes it of the callers
// that [Server.Trusted] names, and takes it out of the metadata of all others.
package rampartgrpc
