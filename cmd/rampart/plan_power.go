package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/gates"
	"github.com/rampart-dev/rampart/planfile"
)

// powered is what a plan can see, as JSON.
type powered struct {
	gates.Power
	Warnings []mistake `json:"warnings"`
}

// supply is what the flags say of rates. It goes before what a Prometheus says.
type supply struct {
	against, like  string
	traffic, users string
	rates          []string
	strict         bool
}

func (a *app) planPowerCommand() *cobra.Command {
	var s supply
	c := a.reading(&cobra.Command{
		Use:   "power PLAN [--against URL] [--traffic N/s --rate GATE=SHARE,...]",
		Short: "Tell what a plan could see, and how soon",
		Long: `Power tells, for each gate and step, the least harm that the hold could show, how
long each size of harm would last until the launch is turned back, and whom it would
reach; how long the maximum power ramp must last for each goal; and what the holdout
can see. It warns where a plan cannot see what it promises.

Traffic and base rates are read from a Prometheus, over up to a week: of the plan's
own flag or, before its first launch, of the busiest flag that the same metrics count.
What is given by flags goes before that. A mean takes its standard deviation, too:
--rate revenue=12.5:40. Everything here is an estimate, and decides nothing.`,
		Example: `  rampart plan power plan.yaml --against http://localhost:9090
  rampart plan power plan.yaml --traffic 500/s --rate errors=0.5%,latency=1%,overall=0.5%
  rampart plan power plan.yaml --against http://localhost:9090 --like search-v3 --strict`,
		Args: a.takes("PLAN"),
		RunE: a.does(func(ctx context.Context, args []string) error {
			plan, file, err := a.readPlan(args[0])
			if err != nil {
				return a.faults(err)
			}
			rates, err := a.ratesFor(ctx, plan, s)
			if err != nil {
				return err
			}
			return a.reportPower(gates.PowerOf(plan, rates), file, s.strict)
		}),
		ValidArgsFunction: completePlans,
	})
	againstFlag(c, &s.against, "URL of a Prometheus to read traffic and base rates from")
	c.Flags().StringVar(&s.like, "like", "", "flag to take the rates of, instead of the plan's own")
	c.Flags().StringVar(&s.traffic, "traffic", "", "what gates judge, in both arms together: 500/s, 20000/m, 3M/d")
	c.Flags().StringVar(&s.users, "users", "", "units that are new: 40000/d, for goals, means and the sample ratio")
	c.Flags().StringSliceVar(&s.rates, "rate", nil, "what a gate or goal usually measures: errors=0.5%; of a count 20/s, of a mean 12.5:40")
	c.Flags().BoolVar(&s.strict, "strict", false, "take warnings for errors")
	return c
}

func (a *app) reportPower(power gates.Power, file planfile.File, strict bool) error {
	found := file.Locate(power.Warnings)
	all := powered{Power: power, Warnings: []mistake{}}
	for _, m := range found {
		all.Warnings = append(all.Warnings, mistake{m.Line, m.Column, m.Mistake})
	}
	bad := strict && len(found) > 0
	err := a.answer(all, func(w io.Writer) {
		drawPower(w, power)
		_ = planfile.Format(w, found) // a strings.Builder takes everything
		fmt.Fprintln(w, summary(checked{Warnings: len(found)}, bad))
	})
	if err == nil && bad {
		return ending(exitInvalid)
	}
	return err
}

// ratesFor asks Prometheus, where there is one, and then puts in what flags say.
func (a *app) ratesFor(ctx context.Context, plan rampart.Plan, s supply) (gates.Rates, error) {
	rates := gates.Rates{Of: map[string]gates.Rate{}}
	switch {
	case s.against != "":
		source, err := prometheusAt(s.against)
		if err != nil {
			return rates, err
		}
		if rates, err = source.Rates(ctx, plan, s.like); err != nil {
			return rates, err
		}
		ofItsSlots(plan.WithDefaults(), &rates)
	case s.like != "":
		return rates, rampart.Errorf(rampart.Invalid, "--like names a flag that a Prometheus knows").WithHint("add --against URL")
	case s.traffic == "" && s.users == "" && len(s.rates) == 0:
		return rates, rampart.Errorf(rampart.Invalid, "nobody says how much traffic there is").
			WithHint("add --against URL, or --traffic 500/s --rate errors=0.5%%")
	}
	g := given{plan: plan.WithDefaults(), rates: rates}
	return g.rates, g.take(s)
}

// ofItsSlots leaves of what another flag counted in its arms what a plan in a layer has
// of it. Its own counters were counted in its slots.
func ofItsSlots(plan rampart.Plan, rates *gates.Rates) {
	width := plan.Layer.Width()
	share := float64(width) / float64(rampart.Full)
	others := false
	for _, p := range placesOf(plan) {
		rate, known := rates.Of[p.path]
		flag, _, counted := strings.Cut(rate.From, ", ")
		if !known || !counted || flag == plan.Flag || width == rampart.Full || p.kind == rampart.KindObjective { // which is a line for everybody
			continue
		}
		others = true
		rate.Units *= share
		if p.kind == rampart.KindCount {
			rate.Base *= share
		}
		rate.From += fmt.Sprintf(", %s of it", width)
		rates.Of[p.path] = rate
	}
	if others { // units are read where the rest is
		rates.Users *= share
	}
}

// given is what flags say.
type given struct {
	plan  rampart.Plan
	rates gates.Rates
}

// byHand is where a rate is from that a flag gave.
const byHand = "given"

func (g *given) take(s supply) error {
	traffic, err := perSecond("--traffic", s.traffic)
	if err != nil {
		return err
	}
	users, err := perSecond("--users", s.users)
	if err != nil {
		return err
	}
	if users > 0 {
		g.rates.Users = users
	}
	places := placesOf(g.plan)
	for _, p := range places {
		rate, known := g.rates.Of[p.path]
		switch n := g.unitsOf(p, traffic, users); {
		case n > 0 && known:
			rate.Units = n
			g.rates.Of[p.path] = rate
		case n > 0:
			g.rates.Of[p.path] = gates.Rate{Units: n, Missing: "its base rate is not known"}
		}
	}
	for _, text := range s.rates {
		if err := g.rate(places, text); err != nil {
			return err
		}
	}
	return nil
}

// unitsOf is how many units a second flags say that a gate or goal has.
func (g *given) unitsOf(p place, traffic, users float64) float64 {
	switch {
	case p.kind == rampart.KindCount:
		return 0
	case p.goal || p.kind == rampart.KindMean:
		return users
	}
	return traffic
}

// rate takes one NAME=VALUE.
func (g *given) rate(places []place, text string) error {
	name, value, _ := strings.Cut(text, "=")
	known := false
	for _, p := range places {
		if p.name != name {
			continue
		}
		known = true
		rate := g.rates.Of[p.path]
		if err := readRate(&rate, p.kind, text, value); err != nil {
			return err
		}
		rate.From, rate.Missing = byHand, ""
		if rate.Units == 0 && p.kind != rampart.KindCount {
			rate.Missing = "nobody says how much of it there is: add " + map[bool]string{true: "--users 40000/d", false: "--traffic 500/s"}[p.goal || p.kind == rampart.KindMean]
		}
		g.rates.Of[p.path] = rate
	}
	if !known {
		return rampart.Errorf(rampart.Invalid, "--rate %s: the plan has no gate or goal %q that is evidence", text, name).
			WithHint("it has %s", strings.Join(namesOf(places), ", "))
	}
	return nil
}

func readRate(rate *gates.Rate, kind rampart.GateKind, text, value string) error {
	wrong := rampart.Errorf(rampart.Invalid, "--rate %s cannot be read", text)
	switch kind {
	case rampart.KindCount:
		n, err := perSecond("--rate "+text, value)
		if err != nil || n == 0 {
			return wrong.WithHint("a count is so many a time, such as 20/s")
		}
		rate.Base, rate.Units = n, 0
	case rampart.KindMean:
		mean, spread, _ := strings.Cut(value, ":")
		m, err := strconv.ParseFloat(mean, 64)
		sd, err2 := strconv.ParseFloat(spread, 64)
		if err != nil || err2 != nil || !(m > 0) || !(sd > 0) || math.IsInf(m+sd, 0) {
			return wrong.WithHint("a mean comes with its standard deviation over users, such as 12.5:40")
		}
		rate.Base, rate.Spread = m, sd
	default:
		share, err := shareOf(value)
		if err != nil {
			return wrong.WithHint("write a share with its sign, such as 0.5%%")
		}
		rate.Base, rate.Phi = share, 0
	}
	return nil
}

// shareOf reads 0.5%. The sign is asked for: a bare 1 could be all of them.
func shareOf(text string) (float64, error) {
	percent, is := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
	if err != nil || !is || !(v >= 0 && v <= 100) {
		return 0, cmp.Or(err, strconv.ErrRange)
	}
	return v / 100, nil
}

// perSecond reads 500/s, 20k/m, 3M/d; an empty text is 0.
func perSecond(what, text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	wrong := rampart.Errorf(rampart.Invalid, "%s %s cannot be read", what, text).WithHint("write so many a time: 500/s, 20k/m, 3M/d")
	number, unit, ok := strings.Cut(text, "/")
	times := 1.0
	for suffix, n := range map[string]float64{"k": 1e3, "M": 1e6} {
		if head, found := strings.CutSuffix(number, suffix); found {
			number, times = head, n
		}
	}
	seconds := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[unit].Seconds()
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || seconds == 0 || !(v > 0) || v > 1e12 {
		return 0, wrong
	}
	return v * times / seconds, nil
}

// A place is a gate or goal of a plan that has a rate.
type place struct {
	path, name string
	kind       rampart.GateKind
	goal       bool
}

func placesOf(plan rampart.Plan) []place {
	var all []place
	gate := func(path string, list []rampart.Gate) {
		for i, g := range list {
			if g.Budgeted() {
				all = append(all, place{path + "[" + strconv.Itoa(i) + "]", g.Name, g.Kind(), false})
			}
		}
	}
	gate("gates", plan.Gates)
	for i, s := range plan.Stages {
		gate("stages["+strconv.Itoa(i)+"].gates", s.Gates)
	}
	for i, g := range plan.Goals {
		all = append(all, place{"goals[" + strconv.Itoa(i) + "]", g.Name, rampart.Gate{Ratio: g.Ratio, Mean: g.Mean}.Kind(), true})
	}
	return all
}

func namesOf(places []place) []string {
	var names []string
	for _, p := range places {
		names = append(names, p.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
