package shop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rampart-dev/rampart"
)

// DatabaseOptions describe the database that both checkouts share. The zero value of
// a field means its default; failures have none.
type DatabaseOptions struct {
	Connections int             // of the pool; 20
	Query       time.Duration   // that a query takes; 2 ms
	Patience    time.Duration   // of who waits for a connection; 1 s
	Failures    rampart.Percent // of the queries, by themselves
}

// A database takes its time and fails now and then, and has only so many
// connections. Because both versions share them, a comparison of the versions cannot
// see it break: that is what absolute gates are for.
type database struct {
	options DatabaseOptions
	faults  *Faults
	pool    chan struct{} // a place for each connection in use

	inUse, waiting prometheus.Gauge
	waited         prometheus.Histogram
}

// errQuery is what a customer never gets to read.
var errQuery = errors.New("query failed: connection reset by peer")

func newDatabase(o DatabaseOptions, faults *Faults, reg prometheus.Registerer) (*database, error) {
	if o.Connections == 0 {
		o.Connections = 20
	}
	if o.Query == 0 {
		o.Query = 2 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	d := &database{options: o, faults: faults, pool: make(chan struct{}, o.Connections)}
	d.inUse = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "shop_database_connections_in_use", Help: "Connections of the pool that are not free.",
	})
	d.waiting = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "shop_database_connections_waiting", Help: "Requests that wait for a connection of the pool.",
	})
	d.waited = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "shop_database_wait_seconds", Help: "How long requests waited for a connection of the pool.", Buckets: prometheus.DefBuckets,
	})
	size := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "shop_database_connections", Help: "Connections of the pool.",
	})
	size.Set(float64(o.Connections))
	return d, errors.Join(reg.Register(d.inUse), reg.Register(d.waiting), reg.Register(d.waited), reg.Register(size))
}

// query asks the database something; what it says does not matter here. The caller
// keeps the connection for a while after the answer. It has nothing of that, and neither
// is it any slower: it is the others who miss the connection.
func (d *database) query(ctx context.Context, keep time.Duration) error {
	release, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { later(keep, release) }()
	if err := pause(ctx, d.options.Query); err != nil {
		return fmt.Errorf("query: %w", err)
	}
	if err := d.faults.strikeDatabase(ctx); err != nil {
		return err
	}
	if happens(d.options.Failures) {
		return errQuery
	}
	return nil
}

// connect takes a connection from the pool, or gives up.
func (d *database) connect(ctx context.Context) (release func(), err error) {
	began := time.Now()
	d.waiting.Inc()
	defer d.waiting.Dec()
	defer func() { d.waited.Observe(time.Since(began).Seconds()) }()
	patience := time.NewTimer(d.options.Patience)
	defer patience.Stop()
	select {
	case d.pool <- struct{}{}:
		d.inUse.Inc()
		return func() { d.inUse.Dec(); <-d.pool }, nil
	case <-patience.C:
		return nil, fmt.Errorf("no connection within %s: all %d are in use", d.options.Patience, d.options.Connections)
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection: %w", ctx.Err())
	}
}

// later does something after a while, and does not wait for it.
func later(after time.Duration, do func()) {
	if after == 0 {
		do()
		return
	}
	time.AfterFunc(after, do)
}

// happens is true for that share of the calls.
func happens(share rampart.Percent) bool {
	return rand.IntN(int(rampart.Full)) < int(share) // #nosec G404 -- chance, not a secret
}

// pause waits, but not for a customer who has gone.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
