package console

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/tap"

	"github.com/rampart-dev/rampart/internal/listen"
)

// rpcServer is the listener of gRPC.
type rpcServer struct {
	listener net.Listener
	grpc     *grpc.Server
}

// rpcConnections are how many may be open: a provider has one.
const rpcConnections = 2048

func (s *console) listenRPC(certs *tls.Config) error {
	l, err := listen.On("tcp", s.config.Flagd, "--flagd")
	if err != nil {
		return err
	}
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(64 << 10), grpc.MaxConcurrentStreams(16), grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(5 * time.Second),
		grpc.InTapHandle(func(ctx context.Context, call *tap.Info) (context.Context, error) { return s.flagd.Knock(ctx, call) }),
		// A provider that is gone without a word is noticed, and one may ask as often
		// whether we are. A connection on which nobody follows is closed: one that answers
		// pings would else keep its place for good, without a token.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, MaxConnectionIdle: time.Minute}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
	if certs != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(certs)))
	}
	s.rpc = &rpcServer{listener: netutil.LimitListener(l, rpcConnections), grpc: grpc.NewServer(options...)}
	return nil
}

// stop lets calls under way end first, as long as they may take.
func (r *rpcServer) stop(ctx context.Context) {
	done := make(chan struct{})
	go func() { r.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		r.grpc.Stop()
	}
	_ = r.listener.Close() // which nobody has served yet, where the start has failed
}
