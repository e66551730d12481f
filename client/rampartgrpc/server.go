package rampartgrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
)

// Server says how a server's calls are understood.
type Server struct {
	// Subject returns whom a call is for; its metadata are in the context. Nil: nobody but
	// whom a trusted caller names.
	Subject func(context.Context) rampart.Subject
	// Trusted says whether the caller is a service which may speak for the subject, say by
	// the certificate in the peer of the context. Nil: nobody is. See [client.Receive].
	Trusted func(context.Context) bool
	// Failed says which codes are errors; default: [ServerFault].
	Failed func(codes.Code) bool
}

// ServerFault reports whether the server is at fault where a call ends with the code.
func ServerFault(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// UnaryServer counts each call once on every flag with a launch that was decided for
// it: its outcome, its duration and its user.
func UnaryServer(c *client.Client, s Server) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		ctx, r := s.receive(ctx, c)
		returned := false
		// Without recover, so that a panic keeps its stack.
		defer func() { r.End(!returned || s.failed(err)) }()
		answer, err = handle(ctx, req)
		returned = true
		return answer, err
	}
}

// StreamServer counts each stream once on every flag with a launch that was decided
// for it: its outcome and its user.
func StreamServer(c *client.Client, s Server) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		ctx, r := s.receive(stream.Context(), c)
		returned := false
		defer func() { r.EndUntimed(!returned || s.failed(err)) }()
		err = handle(service, &received{stream, ctx})
		returned = true
		return err
	}
}

// received is a stream in the context of its request.
type received struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements [grpc.ServerStream].
func (r *received) Context() context.Context { return r.ctx }

func (s Server) receive(ctx context.Context, c *client.Client) (context.Context, *client.Request) {
	in := client.Incoming{Baggage: metadata.ValueFromIncomingContext(ctx, "baggage")}
	if parents := metadata.ValueFromIncomingContext(ctx, "traceparent"); len(parents) == 1 {
		in.Traceparent = parents[0]
	}
	in.Trusted = s.Trusted != nil && len(in.Baggage) > 0 && s.Trusted(ctx)
	if !in.Trusted {
		ctx = strip(ctx, in.Baggage)
	}
	var subject rampart.Subject
	if s.Subject != nil {
		subject = s.Subject(ctx)
	}
	return c.Receive(ctx, subject, in)
}

// strip keeps what a caller says in Rampart's name from whoever passes metadata on.
func strip(ctx context.Context, baggage []string) context.Context {
	kept := client.StripBaggage(baggage)
	if len(kept) == len(baggage) && (len(kept) == 0 || kept[0] == baggage[0]) {
		return ctx
	}
	md, _ := metadata.FromIncomingContext(ctx) // a copy
	md.Delete("baggage")                       // setting nothing would leave what is there
	md.Append("baggage", kept...)
	return metadata.NewIncomingContext(ctx, md)
}

// failed understands errors as the server of gRPC does.
func (s Server) failed(err error) bool {
	of, ok := status.FromError(err)
	if !ok {
		of = status.FromContextError(err)
	}
	if s.Failed != nil {
		return s.Failed(of.Code())
	}
	return ServerFault(of.Code())
}
