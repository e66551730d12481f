package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rampart-dev/rampart/bench/deciding"
	"github.com/rampart-dev/rampart/bench/figure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := flag.String("out", "", "file that gets the figures; those of other names that it has are kept")
	quick := flag.Bool("quick", false, "take fewer rounds")
	flag.Parse()
	rounds := 600
	if *quick {
		rounds = 60
	}
	if err := measure(ctx, rounds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, rounds int, out string) error {
	began := time.Now()
	c, err := deciding.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	share, err := deciding.Check(c)
	if err != nil {
		return err
	}
	fmt.Println("\ndecide_vs_best_peer, provider_vs_noop\n ", share)
	all, err := openPeers(ctx, c)
	defer all.close()
	if err != nil {
		return err
	}
	saltAndKey, _ := deciding.Yardsticks()
	ours := deciding.WaysOf(c)
	ways := []deciding.Way{saltAndKey, ours.Handle, ours.Name, ours.Details}
	for _, p := range all {
		ways = append(ways, deciding.Asking(p.name, p.asks))
	}
	figures := compare(ways, all, deciding.TakeTurns(ways, rounds))
	fmt.Printf("\nmeasured in %s\n", time.Since(began).Round(time.Second))
	figure.Summary(os.Stdout, figures)
	if out == "" {
		return nil
	}
	return figure.Merge(out, figures, map[string]string{"peers_date": began.UTC().Format(time.RFC3339), "peers_rounds": fmt.Sprint(rounds)})
}

// compare prints what the turns took, and returns the figures. The first ways are the
// yardstick and three of Rampart; after them are the peers.
func compare(ways []deciding.Way, all peers, taken []figure.Samples) []figure.Figure {
	const ours = 4
	yardstick, handle := taken[0], taken[1]
	rows := []string{"\tns\tover the hash\tover by handle\tallocations"}
	for i, w := range ways {
		rows = append(rows, fmt.Sprintf("%s\t%.1f\t%.2f\t%.1f\t%.0f", w.Name, taken[i].Median(), taken[i].Over(yardstick).Median(),
			taken[i].Over(handle).Median(), deciding.Allocations(w)))
	}
	figure.Table(os.Stdout, rows...)
	best, provider, noop := -1, -1, -1
	for i, p := range all {
		switch at := ours + i; {
		case p.kind == provided:
			provider = at
		case p.kind == nothing:
			noop = at
		case p.kind == other && (best < 0 || taken[at].Median() < taken[best].Median()):
			best = at
		}
	}
	fmt.Printf("  the best of the others is %s\n", ways[best].Name)
	return []figure.Figure{
		{Name: "decide_vs_best_peer", Value: handle.Over(taken[best]).Median(), Most: 0.1},
		{Name: "provider_vs_noop", Value: taken[provider].Over(taken[noop]).Median(), Most: 1.3},
	}
}
