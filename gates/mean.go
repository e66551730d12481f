package gates

import (
	"fmt"
	"math"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// meanOf is the evidence that a mean wants.
func meanOf(look Look, m rampart.Mean) *evidence.MeanConfig {
	return &evidence.MeanConfig{
		Detect: m.Detect.Share(), Margin: m.Margin.Share(), LowerIsWorse: m.Worse == rampart.WorseLower,
		Phases: look.Schedule.Phases,
	}
}

// average folds the counts of one tick into the evidence on a mean per unit. The
// first error says why there is none; the second is a defect. Counts of buckets that
// nobody fell into yet are kept, so that they are there when all buckets are.
func (g *gate) average(look Look, s *State, spec rampart.Gate, saw sight) (none, fault error) {
	if none = failed(saw.counts); none != nil {
		return none, nil
	}
	values, units := saw.counts[0].Arms, saw.counts[1].Arms
	if none = g.Arrivals.both(look, saw.to, units); none != nil {
		g.Counted = look.tick()
		return none, nil
	}
	if g.late(look, saw, units) {
		return nil, nil
	}
	g.Counted = look.tick()
	t := evidence.MeanTick{At: look.tick(), Exposure: look.Exposure.Share()}
	for _, c := range []struct {
		selector string
		arms     map[string]ArmCount
		into     *evidence.Buckets
	}{{spec.Mean.Value, values, &t.Values}, {spec.Mean.Of, units, &t.Units}} {
		b := bucketsIn(c.arms)
		if b == nil {
			return &NoData{fmt.Sprintf("%s has no telemetry buckets, from which the error of a mean is known", c.selector)}, nil
		}
		*c.into = *b
	}
	known := s.Evidence.Gate(key(spec))
	if _, err := known.FoldMean(t, s.moment(look, spec)); isImpossible(err) {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	if why := known.Mean().Missing(); why != "" {
		return &NoData{why}, nil
	}
	return nil, nil
}

// late reports whether an arm had no sample in this tick: lost in a scrape, say. Its
// units are there all the same, and would look as if they were worth nothing, so the
// tick is counted with the next one.
func (g *gate) late(look Look, saw sight, arms map[string]ArmCount) bool {
	began := time.UnixMilli(g.Counted).Add(-look.At.Sub(saw.to))
	return g.Counted > 0 && (!arms["on"].Last.After(began) || !arms["off"].Last.After(began))
}

// averaged reads the verdict on a mean off its evidence, which is short of its limit.
func (s *State) averaged(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	known := s.Evidence.Gate(key(spec))
	d := known.Mean().Difference(look.alpha())
	v.Reason = fmt.Sprintf("%s of %s units on and %s off, too little to compare", spec.Name, count(d.UnitsOn), count(d.UnitsOff))
	if d.Known {
		v.Reason = fmt.Sprintf("%s, evidence %s of limit", perUnit(spec.Name, d), percent(known.ShareOfLimit()))
	}
	seen(look, known, v, "a ratio of "+number(spec.DetectAt(look.Exposure)))
}

// displayMean fills in what is displayed of the evidence on a mean.
func (s *State) displayMean(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	known := s.Evidence.Gate(key(spec))
	d := known.Mean().Difference(look.alpha())
	v.OnN, v.OffN = d.UnitsOn, d.UnitsOff
	v.LogE, v.Share, v.Power = digits(known.LogE()), digits(known.ShareOfLimit()), digits(known.Informed())
	if d.Known {
		value, low, high := digits(d.Ratio), digits(d.Low), digits(d.High)
		v.Value, v.Low, v.High = &value, &low, &high
	}
}

// chargeMean says how the means compare in the present phase.
func (s *State) chargeMean(look Look, spec rampart.Gate, v *rampart.GateVerdict) {
	d := s.Evidence.Gate(key(spec)).Mean().Difference(look.alpha())
	v.Word, v.Reason = rampart.Breach, spec.Name+": evidence reached its limit"
	if d.Known {
		v.Reason = perUnit(spec.Name, d) + ": evidence reached its limit"
	}
}

// perUnit says how means compare: "order value 0.91x a unit on/off (0.85–0.97)".
func perUnit(name string, d evidence.Difference) string {
	return fmt.Sprintf("%s %.*fx a unit on/off (%.*f–%.*f)", name, decimals(d), d.Ratio, decimals(d), d.Low, decimals(d), d.High)
}

// decimals are two, and more where the interval is narrow.
func decimals(d evidence.Difference) int {
	if width := d.High - d.Low; width > 0 && width < 0.1 {
		return min(5, 1-int(math.Floor(math.Log10(width))))
	}
	return 2
}
