package flagstore

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/rampart-dev/rampart"
)

// Options say where a store is.
type Options struct {
	URL         string // redis://[user:password@]host:port[/db], or rediss:// for TLS
	Environment string
	User        string                // instead of the URL's
	Password    string                // instead of the URL's
	TLS         *tls.Config           // instead of the default for rediss://
	Timeout     time.Duration         // of one call altogether; 0: DefaultTimeout
	Client      redis.UniversalClient // instead of all of the above but Environment
}

// DefaultTimeout bounds a call. A store that does not answer must be known within
// seconds, because a kill may be waiting for it.
const DefaultTimeout = 3 * time.Second

// The caps of the streams. They are approximate: Redis trims whole nodes of a
// hundred entries.
const (
	AuditCap   = 100_000 // events of an environment
	HistoryCap = 1_000   // events of one flag
)

// A Store is the flags of one environment. Its methods may be called from many goroutines.
type Store struct {
	rdb        redis.UniversalClient
	env        string
	address    string // for people; never with credentials
	timeout    time.Duration
	auditCap   int
	historyCap int
	guarded    atomic.Pointer[string] // the namespace id, once it was found to be right
}

// Open makes a store. It connects at the first call: [Store.Ping] tells whether it can.
func Open(opts Options) (*Store, error) {
	if err := rampart.CheckName("an environment", opts.Environment); err != nil {
		return nil, err
	}
	rdb := opts.Client
	if rdb == nil {
		client, err := dial(opts)
		if err != nil {
			return nil, err
		}
		rdb = client
	}
	s := New(rdb, opts.Environment)
	if opts.Timeout > 0 {
		s.timeout = opts.Timeout
	}
	return s, nil
}

// New makes a store over a client. The environment must be a name: see [rampart.CheckName].
func New(rdb redis.UniversalClient, environment string) *Store {
	return &Store{rdb: rdb, env: environment, address: addressOf(rdb),
		timeout: DefaultTimeout, auditCap: AuditCap, historyCap: HistoryCap}
}

// SilenceDriver stops the Redis driver from writing to stderr about connections
// that it tries again. It is for programs that are only this product: the driver's
// log is one for the whole process.
func SilenceDriver() { redis.SetLogger(&logging.VoidLogger{}) }

// Close closes the connections.
func (s *Store) Close() error { return s.rdb.Close() }

// Environment returns the environment whose flags these are.
func (s *Store) Environment() string { return s.env }

// Address returns host and port, for people.
func (s *Store) Address() string { return s.address }

// Ping returns an error of kind [rampart.Unreachable] where the store does not answer.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.fault("ping", s.rdb.Ping(ctx).Err())
}

// Now returns the store's clock, which is the one that leases end by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	primary, err := s.primary(ctx)
	if err != nil {
		return time.Time{}, s.fault("read the clock", err)
	}
	now, err := primary.Time(ctx).Result()
	return now, s.fault("read the clock", err)
}

func (s *Store) key(name string) string { return "rampart:{" + s.env + "}:" + name }

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

func (s *Store) namespace() string {
	if ns := s.guarded.Load(); ns != nil {
		return *ns
	}
	return ""
}

// primary returns a client of the one node that holds the environment. Commands
// without a key, such as TIME and WAIT, would go anywhere in a cluster.
func (s *Store) primary(ctx context.Context) (node, error) {
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.key("state"))
	}
	if client, ok := s.rdb.(*redis.Client); ok {
		return client, nil
	}
	return nil, fmt.Errorf("a %T is no client of one Redis, of Sentinel or of a cluster", s.rdb)
}

// A node is one server of Redis.
type node interface {
	redis.Cmdable
	Conn() *redis.Conn
}

func dial(opts Options) (*redis.Client, error) {
	o, err := redis.ParseURL(opts.URL)
	if err != nil { // the error may quote the password
		return nil, rampart.Errorf(rampart.Invalid, "%q is not the address of a Redis", redact(opts.URL)).
			WithHint("write redis://host:6379, or rediss://host:6380 for TLS; user:password@ before the host and /1 for a database after it")
	}
	if opts.User != "" {
		o.Username = opts.User
	}
	if opts.Password != "" {
		o.Password = opts.Password
	}
	if opts.TLS != nil {
		o.TLSConfig = opts.TLS
	}
	timeout := opts.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries = 1
	// One more try finds a connection that an idle firewall has cut. Every write is
	// recognised when it comes twice.
	o.MaxRetries = 1
	o.MinRetryBackoff, o.MaxRetryBackoff = 5*time.Millisecond, 20*time.Millisecond
	o.PoolSize = 16
	o.DisableIdentity = true // spares a least-privilege user a right
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

// redact returns what may be said of a URL.
func redact(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + u.Path
	}
	if i := strings.LastIndex(raw, "@"); i >= 0 {
		return "..." + raw[i:]
	}
	return raw
}

func addressOf(rdb redis.UniversalClient) string {
	switch c := rdb.(type) {
	case *redis.Client:
		return c.Options().Addr
	case *redis.ClusterClient:
		return strings.Join(c.Options().Addrs, ",")
	}
	return "an unknown address"
}
