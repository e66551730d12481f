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
		"Whole launches of the standard plan in the Poisson world. %d launches a cell: the median time from the onset until it was turned back, "+
			"and how many were; those that a false alarm ended before are left out.", runs))
	head := []string{"harm begins"}
	for _, size := range sizes {
		head = append(head, fmt.Sprintf("x%g", size))
	}
	var rows [][]string
	var lines []line
	for _, onset := range onsets {
		row, l := []string{onset.title}, line{name: onset.title}
		for _, size := range sizes {
			late, harmed, err := b.harmful(ctx, p, sim.Harm{Gate: "errors", Ratio: size, At: onset.at}, runs)
			if err != nil {
				return nil, err
			}
			row = append(row, found(late, harmed))
			if 2*len(late) > harmed {
				l.points = append(l.points, point{size, late.Median()})
			}
		}
		rows, lines = append(rows, row), append(lines, l)
		b.print(head, [][]string{row})
	}
	r.section("By size and onset", "The flag makes errors of the gate `errors` more frequent: 100 requests a second, 0.5 % base rate, a fifth of the error budget.", head, rows)
	r.plot("harm", chart{
		title: "Median time until a harmful launch is turned back", x: "harm: how many times as frequent", y: "minutes", logX: true, logY: true, lines: lines,
	})
	if err := b.sharedHarms(ctx, r, runs); err != nil {
		return nil, err
	}
	return nil, r.write()
}

// sharedHarms has both arms suffer alike from the scalability phase on, under a plan
// that compares the arms only, and under one that has an absolute line besides.
func (b *bench) sharedHarms(ctx context.Context, r *report, runs int) error {
	compared := sim.Standard()
	lined := sim.Standard()
	lined.Gates = append(lined.Gates, sim.Gate{Name: "overall", Kind: sim.Objective, Weight: 0.1, Traffic: 100, Rate: 0.005, Bad: 0.01})
	head := []string{"plan", "x1.5", "x2.5", "x5"}
	var rows [][]string
	for _, plan := range []struct {
		title string
		sim.Plan
	}{{"a dozen gates that compare the arms", compared}, {"and an objective of 99 % for both", lined}} {
		row := []string{plan.title}
		for _, size := range []float64{1.5, 2.5, 5} {
			late, harmed, err := b.harmful(ctx, plan.Plan, sim.Harm{Ratio: size, At: 288 * time.Hour, Shared: true}, runs)
			if err != nil {
				return err
			}
			row = append(row, found(late, harmed))
		}
		rows = append(rows, row)
	}
	b.print(head, rows)
	r.section("Damage to what the arms share", "All events become more frequent in both arms when the scalability phase begins, as where a database "+
		"gives way. The base rate is half of what the objective allows, so 1.5 times is within it.", head, rows)
	return nil
}

// harmful walks launches with harm in the Poisson world: how many minutes late they
// were turned back, and how many met with the harm.
func (b *bench) harmful(ctx context.Context, p sim.Plan, h sim.Harm, runs int) (late figure.Samples, harmed int, err error) {
	w, _ := sim.WorldOf("poisson")
	outcomes := make([]sim.Outcome, runs)
	err = b.each(ctx, runs, func(run int) (err error) {
		outcomes[run], err = sim.Walk(p, w, h, b.seed, uint64(run))
		return err
	})
	for _, o := range outcomes {
		if o.False(h) {
			continue
		}
		harmed++
		if o.TurnedBack {
			late = append(late, o.Delay.Minutes())
		}
	}
	return late, harmed, err
}

// found writes how late harm was found, and in how many launches.
func found(late figure.Samples, harmed int) string {
	if len(late) == 0 {
		return "never"
	}
	return fmt.Sprintf("%s, %s", span(late.Median()), share(len(late), harmed))
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
