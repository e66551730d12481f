package flagstore

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rampart-dev/rampart"
)

// dial makes the client of a store, and what ends beside it; it connects at the first call.
func dial(opts Options) (rdb redis.UniversalClient, a address, stop func(), err error) {
	stop = func() {}
	if a, err = parseAddress(opts.URL); err != nil {
		return nil, a, stop, err
	}
	o := a.common
	if opts.User != "" {
		o.Username = opts.User
	}
	if opts.Password != "" {
		o.Password = opts.Password
	}
	if opts.TLS != nil {
		if o.TLSConfig == nil {
			return nil, a, stop, rampart.Errorf(rampart.Invalid, "TLS is configured for %s, whose address does not ask for it", a).
				WithHint("write rediss:// instead of redis://")
		}
		o.TLSConfig = opts.TLS
	}
	tame(o, opts.Timeout)
	switch a.form {
	case sentinel:
		found := findBySentinel(a, opts)
		o.Dialer, o.OnConnect = found.dial, isPrimary
		o.Addr = "the primary" // which is asked for whenever a connection is made
		return redis.NewClient(o), a, found.close, nil
	case cluster:
		return redis.NewClusterClient(clusterOptions(o, a.hosts)), a, stop, nil
	}
	return redis.NewClient(o), a, stop, nil
}

// tame sets how long a connection may take and what it may do, the same in every form.
func tame(o *redis.Options, timeout time.Duration) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries = 1
	// One more try finds a connection that an idle firewall has cut, and the primary
	// where a failover has made a replica of the last one. Every write is recognised
	// when it comes twice.
	o.MaxRetries = 1
	o.MinRetryBackoff, o.MaxRetryBackoff = 5*time.Millisecond, 20*time.Millisecond
	o.PoolSize = 16
	o.DisableIdentity = true // spares a least-privilege user a right
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if o.Network != "unix" {
		to := connector(o.TLSConfig, timeout)
		o.Dialer = func(ctx context.Context, _, addr string) (net.Conn, error) { return to(ctx, addr) }
	}
}

// clusterReload is how often the cluster is asked anew who holds what. Redirections
// and silence of a node ask at once.
const clusterReload = 5 * time.Second

func clusterOptions(o *redis.Options, hosts []string) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: hosts, Username: o.Username, Password: o.Password, Protocol: o.Protocol,
		Dialer: o.Dialer, TLSConfig: o.TLSConfig,
		ContextTimeoutEnabled: true,
		DialTimeout:           o.DialTimeout, ReadTimeout: o.ReadTimeout, WriteTimeout: o.WriteTimeout, PoolTimeout: o.PoolTimeout,
		DialerRetries: o.DialerRetries, MaxRetries: o.MaxRetries,
		MinRetryBackoff: o.MinRetryBackoff, MaxRetryBackoff: o.MaxRetryBackoff,
		PoolSize: o.PoolSize, DisableIdentity: true, MaintNotificationsConfig: o.MaintNotificationsConfig,
		ClusterStateReloadInterval: clusterReload,
	}
}

// connector returns how a connection to one server is made. The name that its
// certificate must have is that of the server, unless the configuration says another.
func connector(config *tls.Config, timeout time.Duration) func(context.Context, string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: timeout, KeepAlive: 15 * time.Second}
	if config == nil {
		return func(ctx context.Context, addr string) (net.Conn, error) { return plain.DialContext(ctx, "tcp", addr) }
	}
	return func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		// A server that does not speak TLS may say nothing; so that it is told apart from
		// one that hangs, the call itself must not be over by then.
		ctx, cancel := context.WithTimeout(ctx, timeout/2)
		defer cancel()
		own := config
		if own.ServerName == "" {
			own = config.Clone()
			own.ServerName, _, _ = net.SplitHostPort(addr)
		}
		over := tls.Client(conn, own)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, handshakeError{err}
		}
		return over, nil
	}
}

// handshakeError is of a server that is there, but with which no TLS can be agreed.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }
