package flagstore

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/rampart-dev/rampart"
)

// Options say where a store is.
type Options struct {
	// URL is one of
	//   redis://[user:password@]host:port[/db]
	//   redis+sentinel://[user:password@]host:26379,host2:26379/NAME[/db]
	//   redis+cluster://[user:password@]host:port,host2:port
	// and rediss instead of redis is TLS, to sentinels as well.
	URL         string
	Environment string
	User        string      // instead of the URL's
	Password    string      // instead of the URL's
	TLS         *tls.Config // instead of the default for rediss; see [TLSFiles]

	// What the sentinels know this client by, where they ask; never the user of Redis.
	SentinelUser, SentinelPassword string

	Timeout time.Duration         // of one call altogether; 0: DefaultTimeout
	Client  redis.UniversalClient // instead of all of the above but Environment and Timeout
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
	stop       func()                 // ends what looks after the connections
	replicas   int                    // so many there are at least, or a kill is told to be in danger
}

// Open makes a store. It connects at the first call: [Store.Ping] tells whether it can.
func Open(opts Options) (*Store, error) {
	if err := rampart.CheckName("an environment", opts.Environment); err != nil {
		return nil, err
	}
	s := New(opts.Client, opts.Environment)
	if opts.Client == nil {
		rdb, where, stop, err := dial(opts)
		if err != nil {
			return nil, err
		}
		s.rdb, s.address, s.stop = rdb, where.String(), stop
		if where.form == sentinel {
			s.replicas = 1
		}
	}
	if opts.Timeout > 0 {
		s.timeout = opts.Timeout
	}
	return s, nil
}

// New makes a store over a client. The environment must be a name: see [rampart.CheckName].
func New(rdb redis.UniversalClient, environment string) *Store {
	return &Store{rdb: rdb, env: environment, address: addressOf(rdb),
		timeout: DefaultTimeout, auditCap: AuditCap, historyCap: HistoryCap, stop: func() {}}
}

// SilenceDriver stops the Redis driver from writing to stderr about connections
// that it tries again. It is for programs that are only this product: the driver's
// log is one for the whole process.
func SilenceDriver() { redis.SetLogger(&logging.VoidLogger{}) }

// Close closes the connections.
func (s *Store) Close() error {
	s.stop()
	return s.rdb.Close()
}

// Environment returns the environment whose flags these are.
func (s *Store) Environment() string { return s.env }

// Address returns host and port, for people.
func (s *Store) Address() string { return s.address }

// Ping returns an error of kind [rampart.Unreachable] where the store does not answer.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err := s.onPrimary(ctx, func(primary *redis.Client) error { return primary.Ping(ctx).Err() })
	return s.fault("ping", err)
}

// Now returns the store's clock, which is the one that leases end by.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	err = s.onPrimary(ctx, func(primary *redis.Client) error {
		now, err = primary.Time(ctx).Result()
		return err
	})
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

// Another node may have become primary a moment ago.
const (
	moves    = 4                     // attempts to find it
	moveSoon = 20 * time.Millisecond // after the first of them, doubled after the next
)

// onPrimary does what must be done at the one node that holds the environment.
// Commands without a key, such as TIME and WAIT, would go anywhere in a cluster.
func (s *Store) onPrimary(ctx context.Context, do func(primary *redis.Client) error) error {
	for attempt := 1; ; attempt++ {
		primary, err := s.primary(ctx)
		if err == nil {
			err = do(primary)
		}
		if err == nil || attempt == moves || !s.moved(ctx, err) {
			return err
		}
		timer := time.NewTimer(moveSoon << (attempt - 1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

func (s *Store) primary(ctx context.Context) (*redis.Client, error) {
	switch rdb := s.rdb.(type) {
	case *redis.ClusterClient:
		return rdb.MasterForKey(ctx, s.key("state"))
	case *redis.Client:
		return rdb, nil
	}
	return nil, fmt.Errorf("a %T is no client of one Redis, of Sentinel or of a cluster", s.rdb)
}

// moved reports whether a node has said that another one is the primary, and did
// nothing. A cluster is asked anew who that is, and so it is where a node is silent.
func (s *Store) moved(ctx context.Context, err error) bool {
	word := errorWord(err)
	if nodes, ok := s.rdb.(*redis.ClusterClient); ok && word != "NOPERM" {
		nodes.ReloadState(ctx)
	}
	return word == "MOVED" || word == "READONLY"
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
