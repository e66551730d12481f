package worker

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/rampart-dev/rampart"
)

// censusEvery is how often a worker counts: often enough for alerts that wait for
// minutes, and so seldom that Temporal Cloud's bound on such questions is far away.
const censusEvery = 30 * time.Second

// openStates are the states of launches that are under way.
var openStates = []rampart.State{
	rampart.Waiting, rampart.Watching, rampart.Held, rampart.Paused, rampart.Cooling, rampart.Baking, rampart.TurningBack,
}

// census counts what no single activity sees: how many launches are in which state,
// and how many readers have not followed. All workers of an environment count the
// same; one that cannot count exports nothing, rather than what was true once.
type census struct {
	p        *process
	launches *prometheus.GaugeVec
	readers  *prometheus.GaugeVec
	behind   *prometheus.GaugeVec

	revision int64 // at the last count: what every reader should have by now
}

func newCensus(p *process) *census {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "rampart", Name: name, Help: help}, append([]string{"environment"}, labels...))
		p.registry.MustRegister(g)
		return g
	}
	return &census{
		p:        p,
		launches: gauge("launches", "Launches that are under way, by state, as Temporal's index has them.", "state"),
		readers:  gauge("readers", "Readers that have been heard of within a minute."),
		behind:   gauge("readers_behind", "Readers among them that have not confirmed what was written half a minute ago."),
	}
}

// keep counts until the context ends.
func (c *census) keep(ctx context.Context) {
	again := time.NewTicker(censusEvery)
	defer again.Stop()
	for {
		c.note(ctx, "launches", c.countLaunches(ctx), c.launches)
		c.note(ctx, "readers", c.countReaders(ctx), c.readers, c.behind)
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// note forgets what was counted before, where counting failed.
func (c *census) note(ctx context.Context, what string, err error, gauges ...*prometheus.GaugeVec) {
	if err == nil {
		return
	}
	for _, g := range gauges {
		g.Reset()
	}
	if ctx.Err() == nil {
		c.p.log.Warn("cannot be counted", zap.String("what", what), zap.Error(err))
	}
}

func (c *census) countLaunches(ctx context.Context) error {
	for _, state := range openStates {
		n, err := c.p.starter.Count(ctx, state)
		if err != nil {
			return err
		}
		c.launches.WithLabelValues(c.p.starter.Environment(), string(state)).Set(float64(n))
	}
	return nil
}

// countReaders asks who has confirmed the revision of the last count. The newest one
// would tell nothing: readers confirm every ten seconds, and changes may be more often.
func (c *census) countReaders(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, now, err := c.p.starter.Store.Revision(ctx)
	if err != nil {
		return err
	}
	// At the first count, and where the store has lost something, nobody is behind.
	confirmed, total, err := c.p.starter.Store.Confirmed(ctx, min(c.revision, now))
	if err != nil {
		return err
	}
	c.revision = now
	env := c.p.starter.Environment()
	c.readers.WithLabelValues(env).Set(float64(total))
	c.behind.WithLabelValues(env).Set(float64(total - confirmed))
	return nil
}
