package main

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence/sim"
	"github.com/rampart-dev/rampart/gates"
)

// simulation is what to simulate.
type simulation struct {
	supply
	harm, shared, world string
	seed                uint64
	runs                int
}

// maxRuns bounds the work of one command.
const maxRuns = 100_000

func (a *app) simulateCommand() *cobra.Command {
	var s simulation
	c := a.reading(&cobra.Command{
		Use:   "simulate PLAN [--harm GATE=RATIO@TIME] [--traffic N/s --rate GATE=SHARE,...]",
		Short: "Walk a plan through a simulated world, many times",
		Long: `Simulate walks a plan through a simulated world many times, under the evidence that
a launch would gather, and tells how often it would be turned back, by which gate, how
soon, and whom harm would have reached. Without --harm it tells how often a harmless
launch would be turned back.

Harm makes the events of one gate so many times as frequent in the on arm, from a time
since the start on; where lower is worse, so many times as rare. With --shared-harm
both arms suffer alike, as from a database they share.

Gates are simulated where they are evidence and their breach takes exposure back:
ratio, count, latency and objective. Holds for approvals and calendars, amendments and
further attempts after a step back are not. Traffic and base rates are given as to plan
power. The same seed gives the same table.`,
		Example: `  rampart simulate plan.yaml --traffic 500/s --rate errors=0.5%
  rampart simulate plan.yaml --traffic 500/s --rate errors=0.5% --harm errors=2@3d
  rampart simulate plan.yaml --against http://localhost:9090 --harm latency=1.5@36h --runs 500
  rampart simulate plan.yaml --traffic 500/s --rate errors=0.5%,overall=0.5% --shared-harm 4@10d --world bursts_20k`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			plan, _, err := a.readPlan(args[0])
			if err != nil {
				return a.faults(err)
			}
			rates, err := a.ratesFor(ctx, plan, s.supply)
			if err != nil {
				return err
			}
			out, err := s.of(ctx, plan.WithDefaults(), rates)
			if err != nil {
				return err
			}
			return a.answer(out, out.draw)
		}),
		ValidArgsFunction: completePlans,
	})
	c.Flags().StringVar(&s.harm, "harm", "", "GATE=RATIO@TIME: errors=2@3d doubles errors three days after the start")
	c.Flags().StringVar(&s.shared, "shared-harm", "", "RATIO@TIME: 4@10d makes all events four times as frequent, in both arms")
	c.Flags().StringVar(&s.world, "world", "poisson", "how counts come about: "+strings.Join(worldNames(), ", "))
	c.Flags().Uint64Var(&s.seed, "seed", 1, "what the runs are drawn from")
	c.Flags().IntVar(&s.runs, "runs", 100, "how often to walk the plan")
	c.Flags().StringVar(&s.against, "against", "", "URL of a Prometheus to read traffic and base rates from")
	c.Flags().StringVar(&s.like, "like", "", "flag to take the rates of, instead of the plan's own")
	c.Flags().StringVar(&s.traffic, "traffic", "", "what gates judge, in both arms together: 500/s, 20000/m, 3M/d")
	c.Flags().StringSliceVar(&s.rates, "rate", nil, "what a gate usually measures: errors=0.5%; of a count 20/s")
	_ = c.RegisterFlagCompletionFunc("world", cobra.FixedCompletions(worldNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func worldNames() []string {
	var names []string
	for _, w := range sim.Worlds() {
		names = append(names, w.Name)
	}
	return names
}

// of walks the plan so many times.
func (s simulation) of(ctx context.Context, plan rampart.Plan, rates gates.Rates) (simulated, error) {
	world, ok := sim.WorldOf(s.world)
	if !ok {
		return simulated{}, rampart.Errorf(rampart.Invalid, "there is no world %q", s.world).WithHint("use one of %s", strings.Join(worldNames(), ", "))
	}
	if s.runs < 1 || s.runs > maxRuns {
		return simulated{}, rampart.Errorf(rampart.Invalid, "--runs %d is not between 1 and %d", s.runs, maxRuns)
	}
	model, left := modelOf(plan, rates)
	if len(model.Gates) == 0 {
		return simulated{}, rampart.Errorf(rampart.Invalid, "none of the gates can be simulated: %s", strings.Join(left, "; ")).
			WithHint("say how often their events happen: --traffic 500/s --rate errors=0.5%%")
	}
	harm, err := s.does(model)
	if err != nil {
		return simulated{}, err
	}
	outcomes, err := walks(ctx, model, world, harm, s.seed, s.runs)
	if err != nil {
		return simulated{}, err
	}
	return tally(plan, model, world, harm, s, outcomes, left), nil
}

// does reads the harm.
func (s simulation) does(model sim.Plan) (sim.Harm, error) {
	switch {
	case s.harm != "" && s.shared != "":
		return sim.Harm{}, rampart.Errorf(rampart.Invalid, "--harm and --shared-harm are two different stories").WithHint("simulate one after the other")
	case s.shared != "":
		h, err := harmOf("--shared-harm", s.shared, s.shared)
		h.Shared = true
		return h, err
	case s.harm == "":
		return sim.Harm{}, nil
	}
	gate, text, ok := strings.Cut(s.harm, "=")
	if !ok {
		return sim.Harm{}, rampart.Errorf(rampart.Invalid, "--harm %s names no gate", s.harm).WithHint("write GATE=RATIO@TIME, such as errors=2@3d")
	}
	var names []string
	for _, g := range model.Gates {
		names = append(names, g.Name)
	}
	if !slices.Contains(names, gate) {
		return sim.Harm{}, rampart.Errorf(rampart.Invalid, "--harm %s: no gate %q is simulated", s.harm, gate).WithHint("these are: %s", strings.Join(names, ", "))
	}
	h, err := harmOf("--harm", s.harm, text)
	h.Gate = gate
	return h, err
}

// harmOf reads RATIO@TIME.
func harmOf(flag, all, text string) (sim.Harm, error) {
	ratio, at, _ := strings.Cut(text, "@")
	r, err := strconv.ParseFloat(ratio, 64)
	since, err2 := rampart.ParseDuration(at)
	if err != nil || err2 != nil || !(r > 1 && r <= 1000) || since < 0 {
		return sim.Harm{}, rampart.Errorf(rampart.Invalid, "%s %s cannot be read", flag, all).
			WithHint("the ratio is above 1, and the time since the start: 2@3d")
	}
	return sim.Harm{Ratio: r, At: since.D()}, nil
}

// walks does the runs on all processors.
func walks(ctx context.Context, p sim.Plan, w sim.World, h sim.Harm, seed uint64, runs int) ([]sim.Outcome, error) {
	out, errs := make([]sim.Outcome, runs), make([]error, runs)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runs, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for run := range next {
				out[run], errs[run] = sim.Walk(p, w, h, seed, uint64(run))
			}
		})
	}
	for run := 0; run < runs && ctx.Err() == nil; run++ {
		next <- run
	}
	close(next)
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, rampart.Errorf(rampart.Invalid, "the plan cannot be simulated").Because(err)
		}
	}
	return out, ctx.Err()
}
