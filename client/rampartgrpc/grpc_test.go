package rampartgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/client/rampartgrpc"
)

// A service answers as it is told to, with a protocol that gRPC brings along. Its stream
// says whether the flag is on for it, and ends.
type service struct {
	grpc_health_v1.UnimplementedHealthServer
	work func(context.Context) error
}

func (s service) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return &grpc_health_v1.HealthCheckResponse{}, s.work(ctx)
}

func (s service) Watch(_ *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	return s.work(stream.Context())
}

// serve returns a connection to a service. Panics are recovered outside, as servers do.
func serve(t *testing.T, c *client.Client, s rampartgrpc.Server, work func(context.Context) error) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	recovered := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = status.Errorf(codes.Internal, "recovered: %v", p)
			}
		}()
		return handle(ctx, req)
	}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(recovered, rampartgrpc.UnaryServer(c, s)),
		grpc.ChainStreamInterceptor(rampartgrpc.StreamServer(c, s)),
	)
	grpc_health_v1.RegisterHealthServer(server, service{work: work})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(rampartgrpc.UnaryClient(rampartgrpc.Carry{})),
		grpc.WithChainStreamInterceptor(rampartgrpc.StreamClient(rampartgrpc.Carry{Key: true})))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		server.Stop()
		require.NoError(t, <-served)
	})
	return conn
}

func check(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

func watch(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

// counted returns the requests by outcome, and how many have a duration.
func counted(t *testing.T, g prometheus.Gatherer) (ok, failed, timed float64) {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "rampart_requests_total":
				for _, l := range m.GetLabel() {
					if l.GetName() == "outcome" && l.GetValue() == "ok" {
						ok += m.GetCounter().GetValue()
					} else if l.GetName() == "outcome" {
						failed += m.GetCounter().GetValue()
					}
				}
			case "rampart_request_duration_seconds":
				timed += float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return ok, failed, timed
}

func TestOutcomesOfCalls(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		panics bool
		only   func(codes.Code) bool
		failed bool
	}{
		"well":                        {},
		"what cannot be found":        {err: status.Error(codes.NotFound, "no order")},
		"a caller that went away":     {err: context.Canceled},
		"a defect":                    {err: errors.New("no status"), failed: true},
		"an error in an error":        {err: fmt.Errorf("pay: %w", status.Error(codes.Unavailable, "down")), failed: true},
		"time that is over":           {err: context.DeadlineExceeded, failed: true},
		"a panic":                     {panics: true, failed: true},
		"what the service says fails": {err: status.Error(codes.NotFound, "no order"), only: func(c codes.Code) bool { return c == codes.NotFound }, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			flags, registry := reader(t)
			conn := serve(t, flags, rampartgrpc.Server{Failed: c.only}, func(ctx context.Context) error {
				flags.OnContext(ctx, "checkout-v2")
				if c.panics {
					panic("defect")
				}
				return c.err
			})
			require.Equal(t, c.err != nil || c.panics, check(t.Context(), conn) != nil)
			wellDone := func() bool { ok, failed, _ := counted(t, registry); return ok+failed == 1 }
			require.Eventually(t, wellDone, time.Minute, time.Millisecond)
			_, failed, timed := counted(t, registry)
			require.Equal(t, c.failed, failed == 1)
			require.EqualValues(t, 1, timed)
		})
	}
}

func TestStreamsHaveAnOutcomeAndNoDuration(t *testing.T) {
	flags, registry := reader(t)
	conn := serve(t, flags, rampartgrpc.Server{}, func(ctx context.Context) error {
		flags.OnContext(ctx, "checkout-v2")
		return status.Error(codes.DataLoss, "cut")
	})
	require.Equal(t, codes.DataLoss, status.Code(watch(t.Context(), conn)))
	require.Eventually(t, func() bool { _, failed, _ := counted(t, registry); return failed == 1 }, time.Minute, time.Millisecond)
	_, _, timed := counted(t, registry)
	require.Zero(t, timed)
}

func everybody(context.Context) bool { return true }

func TestServicesAgreeAboutACall(t *testing.T) {
	behind, _ := reader(t)
	var got *client.Request
	var on bool
	conn := serve(t, behind, rampartgrpc.Server{Trusted: everybody}, func(ctx context.Context) error {
		got, on = client.FromContext(ctx), behind.OnContext(ctx, "checkout-v2")
		return nil
	})
	front, _ := reader(t, func(f *rampart.Flag) { f.Version, f.Exposure = 2, rampart.Full }) // of which those behind have not heard
	for i := range 20 {
		ctx, r := front.Begin(metadata.AppendToOutgoingContext(t.Context(), "baggage", "tenant=7"), rampart.Subject{Key: "ann", Request: fmt.Sprintf("call-%d", i)})
		mine := front.OnContext(ctx, "checkout-v2")
		require.NoError(t, check(ctx, conn))
		require.Equal(t, mine, on)
		require.Equal(t, fmt.Sprintf("call-%d", i), got.Subject().Request)
		require.Empty(t, got.Subject().Key, "nobody asked for it to be carried")
		require.Error(t, watch(ctx, conn), "the stream ends")
		require.Equal(t, "ann", got.Subject().Key)
		r.End(false)
	}
	require.NoError(t, check(t.Context(), conn), "of no request")
	require.NotEmpty(t, got.Subject().Request)
}

func TestMetadataOfUsersAreNotBelieved(t *testing.T) {
	flags, _ := reader(t, func(f *rampart.Flag) { f.Exposure = 0 })
	var on bool
	var subject rampart.Subject
	var passedOn []string
	server := rampartgrpc.Server{Subject: func(ctx context.Context) rampart.Subject {
		return rampart.Subject{Key: metadata.ValueFromIncomingContext(ctx, "user")[0]}
	}}
	conn := serve(t, flags, server, func(ctx context.Context) error {
		on, subject = flags.OnContext(ctx, "checkout-v2"), *client.FromContext(ctx).Subject()
		passedOn = metadata.ValueFromIncomingContext(ctx, "baggage")
		return nil
	})
	const ours = "rampart.key=bob,rampart.flags=checkout-v2:on@9"
	for name, c := range map[string]struct{ said, kept []string }{
		"among what others say":   {[]string{"tenant=7," + ours}, []string{"tenant=7"}},
		"and nothing else":        {[]string{ours}, nil},
		"in a header of its own":  {[]string{"tenant=7", ours}, []string{"tenant=7"}},
		"more than anybody reads": {[]string{ours + ",x=" + strings.Repeat("y", 8<<10)}, nil},
		"nothing of ours":         {[]string{"tenant=7", "a=b"}, []string{"tenant=7", "a=b"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "user", "ann", "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			for _, said := range c.said {
				ctx = metadata.AppendToOutgoingContext(ctx, "baggage", said)
			}
			require.NoError(t, check(ctx, conn))
			require.False(t, on)
			require.Equal(t, rampart.Subject{Key: "ann", Request: "4bf92f3577b34da6a3ce929d0e0e4736"}, subject)
			require.Equal(t, c.kept, passedOn)
		})
	}
}
