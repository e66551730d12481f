package main

import (
	"context"
	"fmt"
	"math"

	"github.com/rampart-dev/rampart/bench/figure"
	"github.com/rampart-dev/rampart/evidence/sim"
)

// delays measures how soon harm is found in the reference case, against the limit that
// no test can beat, and beside other methods on the same streams.
var delays = benchmark{
	names: []string{"delay_ratio_start_rr", "delay_ratio_mid_rr", "speedup_mid_over_cumulative_rr"},
	run:   (*bench).delays,
}

var (
	fromStart = []float64{1.1, 1.25, 1.5, 2}
	fromMid   = []float64{1.25, 1.5, 2}
)

func (b *bench) delays(ctx context.Context) ([]figure.Figure, error) {
	var figures []figure.Figure
	runs := b.samples(2000, 1000)
	for _, rho := range fromStart {
		f, err := b.find(ctx, sim.Reference(rho, 0), []sim.Method{sim.Rampart(), sim.RampartBuckets()}, runs)
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			figure.Figure{Name: fmt.Sprintf("delay_ratio_start_rr%g", rho), Value: f[0].ratio(), Most: 1.75},
			figure.Figure{Name: fmt.Sprintf("delay_ratio_start_buckets_rr%g", rho), Value: f[1].ratio(), Told: true})
	}
	for _, rho := range fromMid {
		f, err := b.find(ctx, sim.Reference(rho, sim.Mid), []sim.Method{sim.Rampart(), sim.RampartFromStart()}, runs)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure.Figure{Name: fmt.Sprintf("delay_ratio_mid_rr%g", rho), Value: f[0].ratio(), Most: 1.3})
		if rho >= 1.5 {
			figures = append(figures, figure.Figure{Name: fmt.Sprintf("speedup_mid_over_cumulative_rr%g", rho), Value: f[1].mean() / f[0].mean(), Told: true})
		}
	}
	return figures, b.compare(ctx)
}

// finding is what a method found over all runs of a case.
type finding struct {
	sim.Method
	sim.Case
	runs     int
	wrong    int // before there was harm
	missed   int
	late     figure.Samples // ticks from the onset on, of runs without a false revert
	harmless bool
}

// find runs methods on the same streams of a case.
func (b *bench) find(ctx context.Context, c sim.Case, methods []sim.Method, runs int) ([]finding, error) {
	results := make([][]sim.Finding, runs)
	err := b.each(ctx, runs, func(run int) error {
		results[run] = sim.Find(c, methods, b.seed, uint64(run))
		return nil
	})
	all := make([]finding, len(methods))
	for i, m := range methods {
		all[i] = finding{Method: m, Case: c, runs: runs, harmless: c.Rho <= 1}
		for _, r := range results {
			if r == nil { // broken off
				continue
			}
			switch f := r[i]; {
			case f.False:
				all[i].wrong++
				continue
			case !f.Found:
				all[i].missed++
			}
			all[i].late = append(all[i].late, float64(r[i].Delay))
		}
	}
	return all, err
}

// mean is that of the delays; where nothing was found in a run, that is at least what
// it would have been.
func (f finding) mean() float64 {
	var sum float64
	for _, d := range f.late {
		sum += d
	}
	return sum / float64(len(f.late))
}

func (f finding) ratio() float64 { return f.mean() / f.Limit() }

// cell writes a mean delay as a person reads it.
func (f finding) cell() string {
	switch {
	case len(f.late) == 0:
		return "-"
	case 10*f.missed > 9*len(f.late):
		return "not in time"
	case f.missed > 0:
		return fmt.Sprintf("over %s", ticks(f.mean()))
	}
	return ticks(f.mean())
}

func ticks(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// compare sets all methods beside each other and writes tables and plots.
func (b *bench) compare(ctx context.Context) error {
	methods, runs := sim.Methods(), b.samples(1000, 60)
	r := b.report("delays", "How soon harm is found", fmt.Sprintf(
		"The reference case: one gate, 500 requests a second of which 0.5 %% fail, a tick every 15 s, a day, 5 %% error for the gate. "+
			"Every method sees the same %d streams.", runs))
	harmless, err := b.find(ctx, sim.Reference(1, 0), methods, runs)
	if err != nil {
		return err
	}
	for _, when := range []struct {
		title    string
		file     string
		rhos     []float64
		exposure float64
		onset    int
	}{
		{"Harm from the first exposure on, 5 % exposure", "delay-start", []float64{1.1, 1.25, 1.5, 2, 5}, 0.05, 0},
		{"Harm that begins after twelve hours, 5 % exposure", "delay-mid", []float64{1.1, 1.25, 1.5, 2, 5}, 0.05, sim.Mid},
		{"Harm that begins after twelve hours, 50 % exposure", "delay-mid-half", []float64{1.1, 1.25, 1.5, 2, 5}, 0.5, sim.Mid},
	} {
		var cases []sim.Case
		for _, rho := range when.rhos {
			c := sim.Reference(rho, when.onset)
			c.Exposure = when.exposure
			cases = append(cases, c)
		}
		if err := b.compareIn(ctx, r, when.title, when.file, cases, methods, harmless, runs); err != nil {
			return err
		}
	}
	return r.write()
}

func (b *bench) compareIn(ctx context.Context, r *report, title, file string, cases []sim.Case, methods []sim.Method, harmless []finding, runs int) error {
	head, limit := []string{"method"}, []string{"the limit of information"}
	rows := make([][]string, len(methods))
	lines := make([]line, len(methods))
	for i, m := range methods {
		rows[i], lines[i].name = []string{m.Title}, m.Title
	}
	bound := line{name: "limit of information", dashed: true}
	for _, c := range cases {
		all, err := b.find(ctx, c, methods, runs)
		if err != nil {
			return err
		}
		head = append(head, fmt.Sprintf("x%g", c.Rho))
		limit = append(limit, ticks(c.Limit()))
		bound.points = append(bound.points, point{c.Rho, c.Limit()})
		for i, f := range all {
			rows[i] = append(rows[i], f.cell())
			if len(f.late) > 0 && f.missed == 0 {
				lines[i].points = append(lines[i].points, point{c.Rho, f.mean()})
			}
		}
	}
	head = append(head, "false in a harmless day at 5 %")
	limit = append(limit, "")
	for i := range rows {
		rows[i] = append(rows[i], share(harmless[i].wrong, harmless[i].runs))
	}
	r.section(title, "Mean ticks until it is turned back.", head, append([][]string{limit}, rows...))
	r.plot(file, chart{
		title: title, x: "harm: how many times as frequent", y: "ticks until turned back", logX: true, logY: true,
		lines: append(lines, bound),
	})
	fmt.Fprintf(b.out, "\n  %s\n", title)
	b.print(head, append([][]string{limit}, rows...))
	return nil
}

// share writes how many of all there were, in percent.
func share(k, n int) string {
	if n == 0 {
		return "-"
	}
	p := 100 * float64(k) / float64(n)
	if p > 0 && p < 10 && math.Abs(p-math.Round(p)) > 0.05 {
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// slowTail measures how soon a latency gate sees that the slowest requests become twice
// as many.
var slowTail = benchmark{names: []string{"latency_tail_ticks"}, run: (*bench).slowTail}

func (b *bench) slowTail(ctx context.Context) ([]figure.Figure, error) {
	c := sim.Reference(2, 0)
	c.Ticks = 500
	late := make(figure.Samples, b.samples(2000, 500))
	err := b.each(ctx, len(late), func(run int) error {
		late[run] = float64(sim.FindSlow(c, b.seed, uint64(run)).Delay)
		return nil
	})
	if err != nil {
		return nil, err
	}
	mean := finding{late: late}.mean()
	b.table("\tmean\tp50\tp99", fmt.Sprintf("ticks\t%.1f\t%.0f\t%.0f", mean, late.Quantile(0.5), late.Quantile(0.99)))
	return []figure.Figure{{Name: "latency_tail_ticks", Value: mean, Most: 10}}, nil
}
