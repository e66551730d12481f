package evidence

import (
	"fmt"
	"math"
	"slices"
)

// Multinomial tests whether units fall into categories with given
// probabilities, at any time: the e-process is the Bayes factor of a Dirichlet
// prior against them. Source: Lindon and Malek (see the package).
type Multinomial struct {
	p, prior []float64
	logM1    float64 // marginal likelihood under the prior
	logM0    float64 // likelihood under the null
	max      float64 // greatest Bayes factor so far, logarithm
}

// NewMultinomial wants probabilities that sum to 1 and, for each, a positive
// parameter of the prior: how many units the belief is worth.
func NewMultinomial(p, prior []float64) (*Multinomial, error) {
	if len(p) < 2 || len(p) != len(prior) {
		return nil, fmt.Errorf("%d probabilities and %d parameters of the prior", len(p), len(prior))
	}
	sum := 0.0
	for i := range p {
		if !(p[i] > 0) || !(prior[i] > 0) || math.IsInf(prior[i], 1) {
			return nil, fmt.Errorf("category %d: probability %g, parameter %g", i, p[i], prior[i])
		}
		sum += p[i]
	}
	if math.Abs(sum-1) > 1e-9 {
		return nil, fmt.Errorf("probabilities sum to %g", sum)
	}
	return &Multinomial{p: slices.Clone(p), prior: slices.Clone(prior)}, nil
}

// Fold counts new units by category. Impossible counts change nothing.
func (m *Multinomial) Fold(counts []float64) error {
	if len(counts) != len(m.p) {
		return fmt.Errorf("%d counts for %d categories", len(counts), len(m.p))
	}
	var n, belief float64
	for i, v := range counts {
		if reason := impossible(v, false); reason != "" {
			return fmt.Errorf("count of category %d: %s", i, reason)
		}
		n, belief = n+v, belief+m.prior[i]
	}
	ways := logGamma(n + 1)
	m.logM1 += logGamma(belief) - logGamma(belief+n)
	for i, v := range counts {
		ways -= logGamma(v + 1)
		m.logM1 += logGamma(m.prior[i]+v) - logGamma(m.prior[i])
		m.logM0 += v * math.Log(m.p[i])
		m.prior[i] += v
	}
	m.logM1, m.logM0 = m.logM1+ways, m.logM0+ways
	m.max = max(m.max, m.LogE())
	return nil
}

// LogE is the logarithm of the Bayes factor against the probabilities.
func (m *Multinomial) LogE() float64 { return m.logM1 - m.logM0 }

// LogMarginals are the logarithms of the likelihood of all counts so far, under
// the prior and under the probabilities.
func (m *Multinomial) LogMarginals() (prior, null float64) { return m.logM1, m.logM0 }

// PValue is valid at every stopping time: 1 over the greatest Bayes factor.
func (m *Multinomial) PValue() float64 { return math.Exp(-m.max) }
