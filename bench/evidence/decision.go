package main

import (
	"context"
	"fmt"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/evidence"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// decisions measures how often a ramp without an effect is shipped, and one with the
// wanted effect is not. The promise of the power is about units that err independently
// of each other, as the fixed size is; where the error is told from twenty buckets it
// is itself uncertain, and what that costs is told beside it.
var decisions = benchmark{names: []string{"decision_false_ship", "decision_power_at_mde"}, run: (*bench).decisions}

// ramp has users of whom one in ten does what is wanted, and looks daily for a week. A
// tenth more come than a test of fixed length needs to see 5 %.
func ramp(effect float64) sim.Ramp {
	r := sim.Ramp{Base: 0.1, Effect: effect, Looks: 7, Improve: 0.05}
	r.Users = 1.1 * r.FixedUsers()
	return r
}

func (b *bench) decisions(ctx context.Context) ([]figure.Figure, error) {
	const alpha = 0.05
	runs, fewer := b.samples(20_000, 1000), b.samples(2000, 100)
	r := b.report("decision", "What the end of the maximum power ramp decides", fmt.Sprintf(
		"One goal, a share of 10 %% of the users, daily looks for a week, an improvement of 5 %% wanted, and %.0f users: 1.1 times what a test "+
			"of fixed length needs for a power of 80 %%. Each side may err in 2.5 %%.", ramp(0).Users))
	head := []string{"ramps", "effect", "spending", "counters", "ship", "no effect", "inconclusive", "regress"}
	var rows [][]string
	var figures []figure.Figure
	for _, c := range []struct {
		title    string
		spending evidence.Spending
		effect   float64
		plain    bool
		name     string
	}{
		{"O'Brien-Fleming", evidence.OBrienFleming(), 0, false, "decision_false_ship"},
		{"O'Brien-Fleming", evidence.OBrienFleming(), 0.05, false, "decision_power_at_mde_buckets"},
		{"O'Brien-Fleming", evidence.OBrienFleming(), 0, true, ""},
		{"O'Brien-Fleming", evidence.OBrienFleming(), 0.05, true, "decision_power_at_mde"},
		{"Kim-DeMets t^3", evidence.KimDeMets(), 0, false, ""},
		{"Kim-DeMets t^3", evidence.KimDeMets(), 0.05, false, ""},
		{"Kim-DeMets t^3", evidence.KimDeMets(), -0.05, false, ""},
	} {
		model, counters := ramp(c.effect), "20 buckets"
		if model.Plain = c.plain; c.plain {
			counters = "plain"
		}
		runs := runs
		if c.name == "" {
			runs = fewer
		}
		words, err := b.decide(ctx, model, c.spending, runs)
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{
			fmt.Sprint(runs), fmt.Sprintf("%+g %%", 100*c.effect), c.title, counters, share(words[evidence.Ship], runs), share(words[evidence.NoEffect], runs),
			share(words[evidence.Inconclusive], runs), share(words[evidence.Regress], runs),
		})
		got := float64(words[evidence.Ship]) / float64(runs)
		low, _ := sim.Wilson(words[evidence.Ship], runs)
		switch c.name {
		case "decision_false_ship":
			figures = append(figures, figure.Figure{Name: c.name, Value: got, Told: true}, figure.Figure{Name: c.name + "_lower", Value: low, Most: alpha})
		case "decision_power_at_mde_buckets":
			figures = append(figures, figure.Figure{Name: c.name, Value: got, Told: true})
		case "decision_power_at_mde":
			figures = append(figures, figure.Figure{Name: c.name, Value: got, Least: 0.8})
		}
	}
	b.print(head, rows)
	r.section("By effect", "", head, rows)
	return figures, r.write()
}

// decide counts what ramps came to.
func (b *bench) decide(ctx context.Context, model sim.Ramp, s evidence.Spending, runs int) (map[evidence.Word]int, error) {
	words := make([]evidence.Word, runs)
	err := b.each(ctx, runs, func(run int) (err error) {
		words[run], err = model.Decide(s, b.seed, uint64(run))
		return err
	})
	count := map[evidence.Word]int{}
	for _, w := range words {
		count[w]++
	}
	return count, err
}
