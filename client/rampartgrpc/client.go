package rampartgrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/rampart-dev/rampart/client"
)

// Carry says what calls tell the service that is called, besides the request's id and
// what was decided in it.
type Carry struct {
	// Key carries the key of the subject too, as it is.
	Key bool
}

// UnaryClient carries what is known of the request of the context on with each call. Use
// it with connections to services of your own.
func UnaryClient(c Carry) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		return invoke(c.outgoing(ctx), method, req, reply, conn, options...)
	}
}

// StreamClient is [UnaryClient] for streams, which carry what is known when they begin.
func StreamClient(c Carry) grpc.StreamClientInterceptor {
	return func(ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, begin grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		return begin(c.outgoing(ctx), d, conn, method, options...)
	}
}

func (c Carry) outgoing(ctx context.Context) context.Context {
	if client.FromContext(ctx) == nil {
		return ctx
	}
	md, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		md = metadata.MD{}
	}
	if baggage := client.Baggage(ctx, md.Get("baggage"), c.Key); len(baggage) > 0 {
		md.Set("baggage", baggage...)
	} else {
		md.Delete("baggage")
	}
	return metadata.NewOutgoingContext(ctx, md)
}
