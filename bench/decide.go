package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/bench/figure"
)

// decisions compares decisions with what the least of them would cost. How others
// decide in the same scenario is measured by bench/peers, a module of its own.
var decisions = benchmark{
	names: []string{"decide_handle_over_hash", "decide_name_over_hash", "decide_counted_over_hash", "decide_allocs"},
	run:   decide,
}

func decide(ctx context.Context, b *bench) ([]figure.Figure, error) {
	c, err := deciding.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	share, err := deciding.Check(c)
	if err != nil {
		return nil, err
	}
	b.say(share)
	saltAndKey, keyAlone := deciding.Yardsticks()
	ours := deciding.WaysOf(c)
	ways := []deciding.Way{saltAndKey, keyAlone, ours.Handle, ours.Name, ours.Details, ours.Empty, ours.Counted}
	taken := deciding.TakeTurns(ways, b.samples(600, 100))
	rows := []string{"\tns\tover salt and key\tover the key alone"}
	for i, w := range ways {
		rows = append(rows, fmt.Sprintf("%s\t%.1f\t%.2f\t%.2f", w.Name, taken[i].Median(), taken[i].Over(taken[0]).Median(), taken[i].Over(taken[1]).Median()))
	}
	b.table(rows...)
	each := taken[6].Less(taken[5]).By(deciding.Launched)
	b.say(fmt.Sprintf("a decision that is counted, of %d in a request, adds %.1f ns to it", deciding.Launched, each.Median()))
	var allocs figure.Samples
	for _, w := range ways[2:5] {
		allocs = append(allocs, deciding.Allocations(w))
	}
	return []figure.Figure{
		{Name: "decide_handle_over_hash", Value: taken[2].Over(taken[0]).Median(), Most: 2},
		{Name: "decide_name_over_hash", Value: taken[3].Over(taken[0]).Median(), Most: 2.5},
		{Name: "decide_counted_over_hash", Value: each.Over(taken[0]).Median(), Most: 3.5},
		{Name: "decide_allocs", Value: slices.Max(allocs), Most: 0},
	}, nil
}
