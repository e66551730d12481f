package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// harms walks whole launches whose flag does harm, by size and onset.
var harms = benchmark{names: []string{"harmful_launches"}, run: (*bench).harms}

// onsets are when harm begins: with the first exposure, in the middle of a step, with a
// phase, and when everybody has long stopped looking.
var onsets = []struct {
	title string
	at    time.Duration
}{
	{"with the first exposure, 1 %", 48 * time.Hour},
	{"in mid-step, 10 %", 108 * time.Hour},
	{"with the maximum power ramp, 50 %", 120 * time.Hour},
	{"in mid-ramp, 50 %", 204 * time.Hour},
	{"while learning, 95 %", 600 * time.Hour},
}

var sizes = []float64{1.1, 1.25, 1.5, 2, 5}

func (b *bench) harms(ctx context.Context) ([]figure.Figure, error) {
	p := sim.Standard()
	runs := b.samples(100, 6)
	r := b.report("harm", "Launches that do harm", fmt.Sprintf(
		"Whole launches of the standard plan in the Poisson world, whose flag makes errors of the gate `errors` (100 requests a second, 0.5 %% "+
			"base rate, a fifth of the error budget) more frequent from some time on. %d launches a cell: the median time from the onset until it "+
			"was turned back, and how many were; those that a false alarm ended before are left out.", runs))
	w, _ := sim.WorldOf("poisson")
	head := []string{"harm begins"}
	for _, size := range sizes {
		head = append(head, fmt.Sprintf("x%g", size))
	}
	var rows [][]string
	for _, onset := range onsets {
		row := []string{onset.title}
		for _, size := range sizes {
			cell, err := b.harmful(ctx, p, w, sim.Harm{Gate: "errors", Ratio: size, At: onset.at}, runs)
			if err != nil {
				return nil, err
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
		b.print(head, [][]string{row})
	}
	r.section("By size and onset", "", head, rows)
	return nil, r.write()
}

// harmful tells how launches with harm ended.
func (b *bench) harmful(ctx context.Context, p sim.Plan, w sim.World, h sim.Harm, runs int) (string, error) {
	outcomes := make([]sim.Outcome, runs)
	err := b.each(ctx, runs, func(run int) (err error) {
		outcomes[run], err = sim.Walk(p, w, h, b.seed, uint64(run)) //nolint:gosec // not negative
		return err
	})
	if err != nil {
		return "", err
	}
	var late figure.Samples
	harmed := 0
	for _, o := range outcomes {
		if o.False(h) {
			continue
		}
		harmed++
		if o.TurnedBack {
			late = append(late, o.Delay.Minutes())
		}
	}
	if len(late) == 0 {
		return "never", nil
	}
	return fmt.Sprintf("%s, %s", span(late.Median()), share(len(late), harmed)), nil
}

// span writes minutes.
func span(minutes float64) string {
	switch {
	case minutes < 120:
		return fmt.Sprintf("%.0f min", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("%.1f h", minutes/60)
	}
	return fmt.Sprintf("%.1f d", minutes/60/24)
}
