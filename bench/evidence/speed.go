package main

import (
	"context"
	"time"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/evidence"
)

// speed measures what one gate takes for one tick. It is no promise, because it depends
// on the machine; the design speaks of 0.35 microseconds for the counts alone.
var speed = benchmark{names: []string{"gate_tick_us"}, run: (*bench).speed}

func (b *bench) speed(ctx context.Context) ([]figure.Figure, error) {
	const ticks = 200_000
	plain, err := fold(ticks, nil)
	if err != nil {
		return nil, err
	}
	var spread evidence.Buckets
	for i := range spread.On {
		spread.On[i], spread.Off[i] = float64(1+i%2), float64(2-i%2)
	}
	bucketed, err := fold(ticks, &spread)
	if err != nil {
		return nil, err
	}
	return []figure.Figure{
		{Name: "gate_tick_us", Value: plain, Told: true},
		{Name: "gate_tick_buckets_us", Value: bucketed, Told: true},
	}, ctx.Err()
}

// fold returns the least time of a tick in microseconds over some rounds, which other
// work on the machine disturbs least. Both arms have 30 events of 10,000 units.
func fold(ticks int, buckets *evidence.Buckets) (float64, error) {
	best := time.Duration(1<<63 - 1)
	for range 7 {
		l, err := evidence.NewLaunch(evidence.Budget{}, evidence.GateSpec{Name: "errors", Weight: 0.2, Phi: 1})
		if err != nil {
			return 0, err
		}
		g := l.Gate("errors")
		began := time.Now()
		for i := range ticks {
			t := evidence.Tick{At: int64(i+1) * 15_000, X1: 30, N1: 10_000, X0: 30, N0: 10_000, Buckets: buckets}
			if _, err := g.Fold(t, evidence.Moment{Restart: evidence.RestartEarly}); err != nil {
				return 0, err
			}
		}
		best = min(best, time.Since(began))
	}
	return float64(best.Nanoseconds()) / 1000 / float64(ticks), nil
}
