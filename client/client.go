package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
)

// Options say where flags come from and where counts go. Environment and one of
// Redis, Relay and Feed are required.
type Options struct {
	Redis       string // a URL of redis://, redis+sentinel:// or redis+cluster://: see flagstore.Options
	Environment string
	// Relay is the address of a relay on this machine that is followed instead of the
	// store: unix:///run/rampart/relay.sock, or http://127.0.0.1:8090.
	Relay   string
	Service string // as which this process is listed among the readers
	ID      string // of this process among the readers; default: host, pid and a random part

	// Store says more of how the store is reached: user and password of Redis and of its
	// sentinels, TLS, the timeout. Redis and Environment stand above.
	Store flagstore.Options

	Registerer prometheus.Registerer // nil: nothing is exported
	Logger     *slog.Logger          // nil: slog.Default()

	// Bootstrap is a file that keeps the last snapshot, for starts while the store
	// is out of reach. It is replaced atomically. Empty: none.
	Bootstrap string

	// Wait is how long Open waits for the store before it goes on without; default
	// 2 s, negative: not at all.
	Wait time.Duration
	// StaleAfter is how long after the last proof of being current the client calls
	// itself STALE; default 10 s.
	StaleAfter time.Duration

	// Edges are the upper bounds of the duration histogram in seconds, at most
	// MaxEdges; default: 18 of them from 1 ms to 10 s.
	Edges []float64
	// Events declares names for Track. Their series start at zero with the launch,
	// so that not even the first event is missed.
	Events []string
	// Most is the highest value that one event may add, by its name: a value above it
	// counts as so much. It keeps the few largest orders from being all that a mean is
	// about; a quantile from before the launch, such as the 99th percentile, is right.
	Most map[string]float64

	// Signals say what is told of single requests, beside the counts.
	Signals Signals

	// Feed replaces the store, for tests and for relays.
	Feed flagstore.Feed
}

// A Client is a replica of an environment's flags, and what it counts.
type Client struct {
	options Options
	log     *slog.Logger
	feed    flagstore.Feed
	closing func() error // of a store that the client opened itself

	names atomic.Pointer[table] // replaced when a name is added
	known atomic.Bool           // a snapshot was joined

	mu       sync.Mutex // guards all below, and the registers of every flag
	flags    map[string]*Flag
	segments map[string]*segment
	matchers map[string]*rampart.Matcher
	position position
	ready    chan struct{} // closed at the first snapshot, of whatever source
	loaded   chan struct{} // closed at the first snapshot of the store
	source   Source

	listeners map[*listener]bool
	ended     chan struct{} // closed with the client

	leaseDue  chan struct{} // wakes the reading of leases
	confirm   chan struct{} // wakes the confirmation
	readers   atomic.Int64  // of the environment, at the last confirmation
	changed   chan struct{} // wakes the writing of the bootstrap file
	telemetry *telemetry
	metrics   *metrics
	sampling  *Flag // the operations flag; nil without observers
	unknown   onceFor

	stop   context.CancelFunc
	done   sync.WaitGroup
	closed sync.Once
}

// Open makes a client and waits a moment for the first snapshot. A store that is
// out of reach is no error: the client serves the bootstrap file or the callers'
// defaults, says so, and goes on trying.
func Open(ctx context.Context, o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, feed: o.Feed,
		log:       o.Logger.With("environment", o.Environment),
		flags:     map[string]*Flag{},
		segments:  map[string]*segment{},
		matchers:  map[string]*rampart.Matcher{},
		source:    FromNowhere,
		listeners: map[*listener]bool{},
		ended:     make(chan struct{}),
		ready:     make(chan struct{}),
		loaded:    make(chan struct{}),
		leaseDue:  make(chan struct{}, 1),
		confirm:   make(chan struct{}, 1),
		changed:   make(chan struct{}, 1),
	}
	c.names.Store(tableOf(nil))
	c.telemetry = newTelemetry(o)
	c.metrics = newMetrics(c)
	if len(o.Signals.Observers) > 0 {
		c.sampling = c.Flag(o.Signals.Sampling)
	}
	if c.feed == nil {
		if c.feed, c.closing, err = openStore(o); err != nil {
			return nil, err
		}
	}
	if err := c.register(); err != nil {
		if c.closing != nil {
			_ = c.closing()
		}
		return nil, err
	}
	c.start()
	c.await(ctx)
	return c, nil
}

func (o Options) withDefaults() (Options, error) {
	if err := rampart.CheckName("an environment", o.Environment); err != nil {
		return o, err
	}
	if o.Redis == "" && o.Relay == "" && o.Feed == nil {
		return o, rampart.Errorf(rampart.Invalid, "no flag store is named").WithHint("set Options.Redis, such as redis://localhost:6379, or Options.Relay")
	}
	if o.Redis != "" && o.Relay != "" {
		return o, rampart.Errorf(rampart.Invalid, "both a flag store and a relay are named").
			WithHint("set Options.Redis or Options.Relay; a relay that is away leaves its readers with the last state, as a store would")
	}
	if len(o.Edges) > MaxEdges || !increasing(o.Edges) {
		return o, rampart.Errorf(rampart.Invalid, "bad edges %v of the duration histogram", o.Edges).
			WithHint("give at most %d positive numbers of seconds, smallest first", MaxEdges)
	}
	for event, most := range o.Most {
		if !(most > 0) || math.IsInf(most, 0) {
			return o, rampart.Errorf(rampart.Invalid, "Options.Most lets %s add %g at most", event, most).
				WithHint("give a number above zero, such as the 99th percentile of the values before the launch")
		}
	}
	o.Signals = o.Signals.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if len(o.Edges) == 0 {
		o.Edges = defaultEdges
	}
	if o.Wait == 0 {
		o.Wait = 2 * time.Second
	}
	if o.StaleAfter <= 0 {
		o.StaleAfter = 10 * time.Second
	}
	if o.ID == "" {
		host, _ := os.Hostname()
		o.ID = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:8])
	}
	return o, nil
}

// start reads the bootstrap file and sets the client going. Each loop waits for the
// network on its own, so that none holds up another.
func (c *Client) start() {
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.readBootstrap()
	for name, loop := range map[string]func(context.Context){
		"follow": c.follow, "probe": c.probe, "leases": c.readLeases, "confirm": c.confirmPosition, "bootstrap": c.writeBootstraps,
	} {
		c.done.Go(func() { c.keepGoing(ctx, name, loop) })
	}
}

// keepGoing runs a loop until the client is closed. A defect in it must not take
// the service down.
func (c *Client) keepGoing(ctx context.Context, name string, loop func(context.Context)) {
	for ctx.Err() == nil {
		func() {
			defer func() {
				if p := recover(); p != nil {
					c.log.Error("flag reader recovered from a defect", "loop", name, "panic", p)
				}
			}()
			loop(ctx)
		}()
		pause(ctx, jitter(time.Second))
	}
}

// await waits for the first snapshot of the store, but no longer than Options.Wait.
func (c *Client) await(ctx context.Context) {
	if c.options.Wait < 0 {
		return
	}
	timeout := time.NewTimer(c.options.Wait)
	defer timeout.Stop()
	select {
	case <-c.loaded:
	case <-timeout.C:
		c.log.Warn("flag store is out of reach; serving what is known and trying on", "source", string(c.Status().Source))
	case <-ctx.Done():
	}
}

// Ready reports whether the client has a snapshot, of the store or of the
// bootstrap file. Before that, every flag serves its caller's default.
func (c *Client) Ready() bool { return c.known.Load() }

// WaitReady waits until the client is ready.
func (c *Client) WaitReady(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for flags of %s: %w", c.options.Environment, context.Cause(ctx))
	}
}

// Close stops following and counting. Flags go on serving the last state, and
// leases still end.
func (c *Client) Close() error {
	var err error
	c.closed.Do(func() {
		close(c.ended)
		c.stop()
		c.done.Wait()
		c.writeLastBootstrap()
		c.unregister()
		c.leave()
		if c.closing != nil {
			err = c.closing()
		}
	})
	return err
}

// leaveTimeout bounds how long a service that ends waits for the store.
const leaveTimeout = time.Second

// leave takes the client off the list of readers: a rolling deployment must not look
// like readers that do not confirm. Where it fails, silence takes it off a minute later.
func (c *Client) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if err := c.feed.Leave(ctx, c.options.ID); err != nil {
		c.log.Debug("the store could not be told that this reader is gone", "error", err)
	}
}
