package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// reverts walks whole harmless launches through every world.
var reverts = benchmark{names: []string{"false_revert_"}, run: (*bench).reverts}

// most is the promise of a world: what the upper limit of the share of false reverts
// may be.
func most(w sim.World) float64 {
	if w.Users > 0 || w.Faults {
		return 0.08
	}
	return 0.06
}

func (b *bench) reverts(ctx context.Context) ([]figure.Figure, error) {
	p := sim.Standard()
	runs := b.samples(2000, 60)
	head := []string{"world", "launches", "turned back", "share", "interval", "promised", "gates with phi over 1.2"}
	page := func(rows [][]string, bars []bar) error {
		r := b.report("false-reverts", "How often harmless launches are turned back", fmt.Sprintf(
			"Whole launches of %d days under %d gates, with a look a minute up to the end of the maximum power ramp and every 15 minutes after it: "+
				"%d looks with two arms. The error budget is 5 %% for all of it. Intervals are Wilson's, 95 %%.",
			int(p.Length().Hours()/24), len(p.Gates), p.Ticks()))
		r.section("By world", "", head, rows)
		r.bars("false-reverts", "Harmless launches turned back, percent", bars, 5)
		return r.write()
	}
	var figures []figure.Figure
	var rows [][]string
	var bars []bar
	for _, w := range sim.Worlds() {
		if !b.world.MatchString(w.Name) {
			continue
		}
		wrong, robust, err := b.harmless(ctx, p, w, runs)
		if err != nil {
			return figures, err
		}
		low, high := sim.Wilson(wrong, runs)
		got := float64(wrong) / float64(runs)
		figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name, Value: got, Told: true})
		if b.quick { // so few launches can refute the promise, not keep it
			figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name + "_lower", Value: low, Most: most(w)})
		} else {
			figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name + "_upper", Value: high, Most: most(w)})
		}
		rows = append(rows, []string{
			w.Title, fmt.Sprint(runs), fmt.Sprint(wrong), fmt.Sprintf("%.1f %%", 100*got),
			fmt.Sprintf("%.1f to %.1f %%", 100*low, 100*high), fmt.Sprintf("at most %g %%", 100*most(w)),
			fmt.Sprintf("%.1f of %d", float64(robust)/float64(runs), len(p.Gates)),
		})
		bars = append(bars, bar{w.Name, 100 * got, 100 * low, 100 * high})
		b.print(head, rows[len(rows)-1:])
		if err := errors.Join(b.keep(figures), page(rows, bars)); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// harmless walks launches without harm and returns how many were turned back, and how
// many gates of all of them took their counts for overdispersed.
func (b *bench) harmless(ctx context.Context, p sim.Plan, w sim.World, runs int) (wrong, robust int, err error) {
	outcomes := make([]sim.Outcome, runs)
	err = b.each(ctx, runs, func(run int) (err error) {
		outcomes[run], err = sim.Walk(p, w, sim.Harm{}, b.seed, uint64(run))
		return err
	})
	for _, o := range outcomes {
		if o.TurnedBack {
			wrong++
		}
		robust += o.Robust
	}
	return wrong, robust, err
}
