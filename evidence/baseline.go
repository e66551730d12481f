package evidence

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// A Season is what a value was like at this hour of the week before: where it lay,
// how far it strayed, and how much of a deviation was still there a tick later.
//
// Four weeks are few. So that what is not known well is not taken for change, how far
// values stray is learnt over the hours together, a short past is taken to have
// strayed further than it did, and a value counts from where the median may lie.
type Season struct {
	Median float64 `json:"med"`
	// Scale is a standard deviation, above 0.
	Scale float64 `json:"scale"`
	// Slack is by how much the median may be off.
	Slack float64 `json:"slack,omitempty"`
	// Lag1 is the correlation of deviations a tick apart, 0 to below 1.
	Lag1 float64 `json:"lag1,omitempty"`

	// Typical is the mean of 1.4826 times the median of absolute deviations, which is
	// the standard deviation of a normal distribution, over this and earlier hours.
	Typical float64 `json:"typical"`
	Hours   int     `json:"hours"`
}

// A Pair is the value at some instant of the past, and a tick before it.
type Pair struct{ Before, Now float64 }

const (
	// normalMAD turns a median of absolute deviations into a standard deviation.
	normalMAD = 1.4826
	// leastScale is the scale of a past that did not stray at all, as a share of
	// its median: what never moved is not known to better than a hundredth.
	leastScale = 0.01
	// mostLag1 bounds the correlation. Nearer to 1 a lasting change would look like
	// an old one, and would not be seen.
	mostLag1 = 0.9
	// mostHours is how many hours are remembered: a week of them.
	mostHours = 168
	// seasonErrors over the root of n is by how many deviations a median of n values may
	// be off: three times its error, which is 1.25 over that root.
	seasonErrors = 4
)

// NewSeason learns from pairs of the same hour of earlier weeks, and from the season
// of the hour before, which is zero where there was none. It is an error if there are
// fewer than eight pairs, or if one has what is not a number.
func NewSeason(past []Pair, before Season) (Season, error) {
	if len(past) < LeastPast {
		return Season{}, fmt.Errorf("its past has %d of the %d values that are needed", len(past), LeastPast)
	}
	var values []float64
	for _, p := range past {
		if impossibleValue(p.Now) || impossibleValue(p.Before) {
			return Season{}, errors.New("its past has a value that is not a number")
		}
		values = append(values, p.Now)
	}
	s := Season{Median: median(values), Hours: min(before.Hours+1, mostHours)}
	for i, v := range values {
		values[i] = math.Abs(v - s.Median)
	}
	s.Scale = max(normalMAD*median(values), leastScale*math.Abs(s.Median), math.SmallestNonzeroFloat32)
	s.Typical = before.Typical + (s.Scale-before.Typical)/float64(s.Hours)
	s.Lag1 = before.Lag1 + (s.correlation(past)-before.Lag1)/float64(s.Hours)
	n := float64(len(past))
	s.Scale = max(s.Scale, s.Typical) * (1 + seasonErrors/math.Sqrt(n*float64(s.Hours)))
	s.Slack = s.Typical * seasonErrors / math.Sqrt(n)
	for _, v := range [...]*float64{&s.Median, &s.Scale, &s.Slack, &s.Lag1, &s.Typical} {
		*v = short(*v)
	}
	return s, nil
}

// short keeps seven digits, so that the state is small.
func short(v float64) float64 {
	kept, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 7, 64), 64)
	return kept
}

// correlation is that of deviations a tick apart.
func (s Season) correlation(past []Pair) float64 {
	var both, each float64
	for _, p := range past {
		a, b := s.deviation(p.Before), s.deviation(p.Now)
		both, each = both+a*b, each+(a*a+b*b)/2
	}
	if each == 0 {
		return 0
	}
	return min(mostLag1, max(0, both/each))
}

// LeastPast is how many pairs a season is learnt from, at least.
const LeastPast = 8

// winsor is how many deviations a value may count for: a wild one is a sign, and
// never a proof.
const winsor = 4

// deviation is by how many deviations a value lies above the median, at most four.
func (s Season) deviation(v float64) float64 { return winsorised((v - s.Median) / s.Scale) }

// residual is by how many deviations a value is worse than it may be.
func (s Season) residual(v float64, lowerIsWorse bool) float64 {
	worse := v - s.Median
	if lowerIsWorse {
		worse = -worse
	}
	return winsorised((worse - s.Slack) / s.Scale)
}

func winsorised(r float64) float64 { return min(winsor, max(-winsor, r)) }

// A Detector finds a lasting change of a value that has no control, against its
// own past. For each of some sizes of change it multiplies up how much likelier
// the deviations are under that change, from the moment at which that product was
// last at its lowest:
//
//	M = max(M, 1) exp(lambda r - lambda^2/2)    lambda in {0.25, 0.5, 1}
//
// and is their mean. Of a value without a change it exceeds a threshold c once in
// c ticks at most, on average: it has a stated rate of false alarms a time, and not
// one a launch. Source: Shin, Ramdas, Rinaldo, "E-detectors".
//
// The zero value has seen nothing.
type Detector struct {
	At   int64   `json:"at,omitempty"`   // the last tick
	Last float64 `json:"last,omitempty"` // residual of that tick, before it was whitened
	LogM logs    `json:"m,omitzero"`     // of each size
}

type logs [3]float64

// lambdas are the sizes of change that are looked for, in deviations.
var lambdas = logs{0.25, 0.5, 1}

// Fold counts the value of one tick; every is how far apart ticks are, and limit
// is the LogM at which the caller takes it for a change. It reports whether the tick
// was counted. A value that is not a number is a *BadTick.
//
// What a deviation owes to that of the tick before is taken off first: values that
// wander slowly would look like change. The processes stop a little above the
// limit, so that they come down within a few ticks of a change that is over.
func (d *Detector) Fold(at int64, value float64, s Season, lowerIsWorse bool, every time.Duration, limit float64) (bool, error) {
	switch {
	case d.At != 0 && at <= d.At:
		return false, nil
	case impossibleValue(value):
		return false, &BadTick{at, fmt.Sprintf("its value is %g", value)}
	case !(s.Scale > 0):
		return false, errors.New("its past is not known")
	}
	r := s.residual(value, lowerIsWorse)
	white := s.whiten(r, d.Last, d.ticks(at, every))
	for j, lambda := range lambdas {
		d.LogM[j] = short(min(limit+math.Log(float64(len(lambdas))), max(d.LogM[j], 0)+lambda*white-lambda*lambda/2))
	}
	d.At, d.Last = at, short(r)
	return true, nil
}

// LogE is the logarithm of the detector: the mean over the sizes of change.
func (d *Detector) LogE() float64 {
	if d.At == 0 {
		return 0
	}
	sum := math.Inf(-1)
	for _, m := range d.LogM {
		sum = logAdd(sum, m)
	}
	return sum - math.Log(float64(len(lambdas)))
}

// ticks is how many ticks ago the last one was; 0 where there was none.
func (d *Detector) ticks(at int64, every time.Duration) float64 {
	if d.At == 0 || every <= 0 {
		return 0
	}
	return max(1, float64(at-d.At)/float64(every.Milliseconds()))
}

// whiten takes off what the deviation so many ticks ago explains of this one.
func (s Season) whiten(r, before, ticks float64) float64 {
	if ticks == 0 {
		return r
	}
	phi := math.Pow(s.Lag1, ticks)
	return min(winsor, (r-phi*before)/math.Sqrt(1-phi*phi))
}

func impossibleValue(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// median sorts the values and returns the middle one, or the mean of both.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return values[(n-1)/2]/2 + values[n/2]/2
}
