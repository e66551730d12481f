package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/client"
	"github.com/rampart-dev/rampart/flagstore"
)

// Options say whose flags are relayed.
type Options struct {
	Store      flagstore.Options
	Readers    int                   // at once, at most; 0: DefaultReaders
	Bootstrap  string                // file that keeps the last state; empty: none
	Registerer prometheus.Registerer // nil: nothing is exported
	Log        *zap.Logger
}

// DefaultReaders is how many processes one relay serves: more than a machine has.
const DefaultReaders = 5000

// A Relay serves the flags of one environment. It is an http.Handler.
type Relay struct {
	http.Handler
	environment string
	log         *zap.Logger
	store       *flagstore.Store
	client      *client.Client
	held        *held
	leases      *leases
	roll        *roll
	proved      time.Time // when what was restored was last known to be the store's; zero: nothing was
	untold      bool      // the store could not be told of readers the last time; of roll.keep alone

	stop    context.CancelFunc
	stopped <-chan struct{}
	beside  sync.WaitGroup
}

// Open begins to follow the store. A store that is out of reach is no error.
func Open(ctx context.Context, o Options) (*Relay, error) {
	store, err := flagstore.Open(o.Store)
	if err != nil {
		return nil, fmt.Errorf("open flag store: %w", err)
	}
	if o.Readers <= 0 {
		o.Readers = DefaultReaders
	}
	host, _ := os.Hostname()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Relay{
		environment: o.Store.Environment, log: o.Log, store: store, held: newHeld(),
		roll: newRoll("relay on "+host, o.Readers), stop: stop, stopped: running.Done(),
	}
	r.leases = &leases{store: store, held: r.held, terms: map[string]rampart.LeaseTerm{}}
	r.Handler = r.handler()
	if o.Bootstrap != "" {
		r.restore(o.Bootstrap)
	}
	r.client, err = client.Open(ctx, client.Options{
		Environment: o.Store.Environment, Service: "rampart-relay", Feed: tap{store, r}, Registerer: o.Registerer,
		Logger: slog.New(zapslog.NewHandler(o.Log.Core())),
	})
	if err == nil {
		err = r.export(o.Registerer)
	}
	if err != nil {
		stop()
		_ = store.Close()
		return nil, err
	}
	r.beside.Go(func() { r.roll.keep(running, r.confirmAll) })
	if o.Bootstrap != "" {
		r.beside.Go(func() { r.keepBootstrap(running, o.Bootstrap) })
	}
	return r, nil
}

// confirmWithin bounds a write of confirmations.
const confirmWithin = 2 * time.Second

func (r *Relay) confirmAll(ctx context.Context, readers []flagstore.Reader, gone []string) error {
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	_, err := r.store.ConfirmAll(ctx, readers, gone)
	if !errors.Is(err, context.Canceled) { // by the relay's own end
		r.noteTold(err)
	}
	return err
}

// noteTold says that the store cannot be told of readers when that begins, and when it
// ends: it is tried again every other second.
func (r *Relay) noteTold(err error) {
	switch {
	case err != nil && r.untold:
		r.log.Debug("the store still cannot be told of readers", zap.Error(err))
	case err != nil:
		r.log.Warn("the store cannot be told of readers; trying again", zap.Error(err))
	case r.untold:
		r.log.Info("the store is told of readers again")
	}
	r.untold = err != nil
}

// Status tells how well the relay knows the flags.
func (r *Relay) Status() client.Status {
	s := r.client.Status()
	if s.State == client.Starting && !r.proved.IsZero() {
		s.State, s.Source, s.Staleness = client.Stale, client.FromBootstrap, time.Since(r.proved)
		s.Flags = r.held.flags()
	}
	return s
}

// Stop ends all streams, so that a server can shut down.
func (r *Relay) Stop() { r.stop() }

// Close stops following.
func (r *Relay) Close() error {
	r.stop()
	r.beside.Wait()
	_ = r.client.Close()
	return r.store.Close()
}

// export registers what the relay counts beside its client.
func (r *Relay) export(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rampart_relay_readers", Help: "Readers that have confirmed in the last minute."},
			func() float64 { return float64(r.roll.size()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rampart_relay_streams", Help: "Streams of changes that are open."},
			func() float64 { n, _ := r.held.counts(); return float64(n) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "rampart_relay_streams_cut_total", Help: "Streams that were ended because their reader was too slow."},
			func() float64 { _, cut := r.held.counts(); return float64(cut) }),
	} {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("register the metrics of the relay: %w", err)
		}
	}
	return nil
}
