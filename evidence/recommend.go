package evidence

import (
	"fmt"
	"math"
)

// DefaultRisk is how much harm a ramp may risk: 2.5 % of all units, times severity.
const DefaultRisk = 0.025

// A Threat is a guardrail as the recommender sees it.
type Threat struct {
	Name string
	// Upper is the upper limit of the harm ratio, from a confidence sequence; +Inf
	// where nothing is known yet.
	Upper float64
	// Severity weighs the harm of this guardrail. Zero means 1.
	Severity float64
}

// Recommend returns the highest share among the steps at which the risk
//
//	q * severity * max(0, Upper - 1)
//
// of every threat is at most tau, 0 for DefaultRisk, and the threat that keeps it from
// going to the last step. It is 0 where the risk is too high at any step. Because the
// limits hold at all times together, it may be asked at any time. Source: Xu, Duan,
// Huang, "SQR: Balancing Speed, Quality and Risk in Online Experiments".
func Recommend(steps []float64, tau float64, threats ...Threat) (share float64, binding *Threat, err error) {
	if tau == 0 {
		tau = DefaultRisk
	}
	if !(tau > 0) {
		return 0, nil, fmt.Errorf("a risk of %g is none", tau)
	}
	most := math.Inf(1)
	for _, t := range threats {
		if math.IsNaN(t.Upper) || t.Severity < 0 || math.IsNaN(t.Severity) {
			return 0, nil, fmt.Errorf("guardrail %s: harm of at most %gx at severity %g", t.Name, t.Upper, t.Severity)
		}
		if q := tau / t.harm(); q < most || binding == nil {
			most, binding = min(most, q), &t
		}
	}
	top := 0.0
	for _, q := range steps {
		if top = max(top, q); q <= most+rounding {
			share = max(share, q)
		}
	}
	if share == top {
		binding = nil
	}
	return share, binding, nil
}

// harm is what exposing everybody may do, at worst.
func (t Threat) harm() float64 {
	severity := t.Severity
	if severity == 0 {
		severity = 1
	}
	return severity * max(0, t.Upper-1)
}
