package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

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

// walked is what became of the harmless launches through one world. The worlds take
// hours together, so the results stand in a file beside the page, and a run replaces those
// of the worlds that it walked.
type walked struct {
	Launches   int     `json:"launches"`
	TurnedBack int     `json:"turnedBack"`
	Robust     float64 `json:"robust"` // gates of a launch whose counts vary too much for Poisson's, to a tenth
}

func (b *bench) reverts(ctx context.Context) ([]figure.Figure, error) {
	p := sim.Standard()
	runs := b.samples(2000, 60)
	known, err := b.walkedBefore()
	if err != nil {
		return nil, err
	}
	var figures []figure.Figure
	for _, w := range sim.Worlds() {
		if !b.world.MatchString(w.Name) {
			continue
		}
		wrong, robust, err := b.harmless(ctx, p, w, runs)
		if err != nil {
			return figures, err
		}
		is := walked{runs, wrong, math.Round(10*float64(robust)/float64(runs)) / 10}
		known[w.Name] = is
		low, high := sim.Wilson(wrong, runs)
		figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name, Value: float64(wrong) / float64(runs), Told: true})
		if b.quick { // so few launches can refute the promise, not keep it
			figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name + "_lower", Value: low, Most: most(w)})
		} else {
			figures = append(figures, figure.Figure{Name: "false_revert_" + w.Name + "_upper", Value: high, Most: most(w)})
		}
		b.print(walkedHead, [][]string{is.row(p, w)})
		if err := errors.Join(b.keep(figures), b.walkedPage(p, known)); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// walkedBefore reads what runs before this one have found.
func (b *bench) walkedBefore() (map[string]walked, error) {
	known := map[string]walked{}
	if b.docs == "" {
		return known, nil
	}
	text, err := os.ReadFile(filepath.Join(b.docs, walkedName+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was walked before: %w", err)
	}
	return known, nil
}

const walkedName = "false-reverts"

var walkedHead = []string{"world", "launches", "turned back", "share", "interval", "promised", "gates with phi over 1.2"}

func (is walked) row(p sim.Plan, w sim.World) []string {
	low, high := sim.Wilson(is.TurnedBack, is.Launches)
	return []string{
		w.Title, fmt.Sprint(is.Launches), fmt.Sprint(is.TurnedBack), fmt.Sprintf("%.1f %%", 100*is.share()),
		fmt.Sprintf("%.1f to %.1f %%", 100*low, 100*high), fmt.Sprintf("at most %g %%", 100*most(w)),
		fmt.Sprintf("%.1f of %d", is.Robust, len(p.Gates)),
	}
}

func (is walked) share() float64 { return float64(is.TurnedBack) / float64(is.Launches) }

// walkedPage tells of all worlds that were walked, in this run or before.
func (b *bench) walkedPage(p sim.Plan, known map[string]walked) error {
	r := b.report(walkedName, "How often harmless launches are turned back", fmt.Sprintf(
		"Whole launches of %d days under %d gates, with a look a minute up to the end of the maximum power ramp and every 15 minutes after it: "+
			"%d looks with two arms. The error budget is 5 %% for all of it. Intervals are Wilson's, 95 %%. The last run is named below; "+
			"worlds that it did not walk are from runs before it.",
		int(p.Length().Hours()/24), len(p.Gates), p.Ticks()))
	var rows [][]string
	var bars []bar
	for _, w := range sim.Worlds() {
		if is, ok := known[w.Name]; ok {
			low, high := sim.Wilson(is.TurnedBack, is.Launches)
			rows = append(rows, is.row(p, w))
			bars = append(bars, bar{w.Name, 100 * is.share(), 100 * low, 100 * high})
		}
	}
	r.section("By world", "", walkedHead, rows)
	r.bars(walkedName, "Harmless launches turned back, percent", bars, 5)
	text, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	r.files[walkedName+".json"] = string(text) + "\n"
	return r.write()
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
