package evidence

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
)

// Sums are what one counter came to over a phase, by arm and telemetry bucket. They
// are of whole counts, as of units, or of any values that are not negative, as of
// orders in euros. The zero value has counted nothing.
type Sums struct {
	by      Buckets
	on, off float64 // of all buckets, and of what had none
	plain   bool    // something came without a bucket
}

// Add counts one interval; b is nil where the counter has no buckets. It is a
// *BadTick, and counts nothing, where a number cannot be a sum.
func (s *Sums) Add(at int64, on, off float64, b *Buckets) error {
	all := []float64{on, off}
	if b != nil {
		all = append(append(all, b.On[:]...), b.Off[:]...)
	}
	for _, v := range all {
		if reason := impossible(v, true); reason != "" {
			return &BadTick{At: at, Reason: reason}
		}
	}
	s.on, s.off = s.on+on, s.off+off
	if b == nil {
		s.plain = s.plain || on+off > 0
		return nil
	}
	for i := range bucketCount {
		s.by.On[i] += b.On[i]
		s.by.Off[i] += b.Off[i]
	}
	return nil
}

// Totals are the sums of both arms.
func (s *Sums) Totals() (on, off float64) { return s.on, s.off }

// An Estimate is by how much one arm's events, or values, per unit exceed the other's.
type Estimate struct {
	LogRatio float64 // ln of the ratio of on to off
	SE       float64 // its standard error
	DF       float64 // degrees of freedom of SE; 0: so many that it is taken to be known
	Events   float64 // of both arms as one sample: 1 / (1/X1 + 1/X0)
}

// EstimateRatio compares the ratio of events, or values, to units between the arms.
//
// Over buckets it is the ratio estimator: R = sum x_b / sum n_b in each arm, whose
// error comes from the residuals x_b - R n_b, so that it holds whatever single users
// do, for values as for counts. An arm with an empty bucket has no such error. Without
// buckets the events are taken for independent: binomial, one a unit at most. The error
// has the degrees of freedom of one arm, which is the safe side: both have as many, and
// where one of them has most of the error, the other adds none.
// Source: Cochran, "Sampling Techniques", chapter 6.
func EstimateRatio(events, units *Sums) (Estimate, error) {
	e := Estimate{Events: 1 / (1/events.on + 1/events.off)}
	for _, arm := range [...]struct {
		name string
		x, n float64
	}{{"on", events.on, units.on}, {"off", events.off, units.off}} {
		switch {
		case arm.n == 0:
			return Estimate{}, fmt.Errorf("no units of the %s arm yet", arm.name)
		case arm.x == 0:
			return Estimate{}, fmt.Errorf("no events of the %s arm yet", arm.name)
		}
	}
	e.LogRatio = math.Log(events.on/units.on) - math.Log(events.off/units.off)
	on, off, df, err := relativeErrors(events, units)
	if err != nil {
		return Estimate{}, err
	}
	e.SE, e.DF = math.Sqrt(on+off), df
	if !(e.SE > 0) {
		return Estimate{}, fmt.Errorf("the buckets do not vary, so that no error can be told from them")
	}
	return e, nil
}

// relativeErrors are the squared errors of both arms' ratios, relative to the ratios.
func relativeErrors(events, units *Sums) (on, off, df float64, err error) {
	if events.plain || units.plain {
		if events.on > units.on || events.off > units.off {
			return 0, 0, 0, fmt.Errorf("more events than units, and no buckets to tell their spread from")
		}
		if events.on < minEvents || events.off < minEvents {
			return 0, 0, 0, fmt.Errorf("fewer than %d events of an arm", minEvents)
		}
		return (1 - events.on/units.on) / events.on, (1 - events.off/units.off) / events.off, 0, nil
	}
	if on, err = ofBuckets("on", &events.by.On, &units.by.On, events.on, units.on); err == nil {
		off, err = ofBuckets("off", &events.by.Off, &units.by.Off, events.off, units.off)
	}
	return on, off, bucketCount - 1, err
}

func ofBuckets(arm string, x, n *[bucketCount]float64, events, units float64) (float64, error) {
	var squares float64
	for i := range bucketCount {
		if n[i] == 0 {
			return 0, fmt.Errorf("some buckets of the %s arm have no units yet", arm)
		}
		d := x[i]/events - n[i]/units
		squares += d * d
	}
	return squares * bucketCount / (bucketCount - 1), nil
}

// Reversed is the estimate of off over on: of a metric of which less is better.
func (e Estimate) Reversed() Estimate {
	e.LogRatio = -e.LogRatio
	return e
}

// Z is the normal deviate that is as unlikely as the estimate without an effect: the t
// of twenty buckets has wider tails than a normal deviate, and is narrowed to one.
func (e Estimate) Z() float64 {
	t := e.LogRatio / e.SE
	if e.DF == 0 {
		return t
	}
	return math.Copysign(-quantile(tTail(math.Abs(t), e.DF)), t)
}

// Interval is LogRatio plus and minus as many errors as a bound on Z comes to.
func (e Estimate) Interval(bound float64) (low, high float64) {
	t := bound
	if e.DF > 0 { // the t whose tail is that of the bound
		want, hi := cdf(-bound), bound
		for tTail(hi, e.DF) > want && hi < 1e6 {
			hi *= 2
		}
		t = edge(0, hi, func(t float64) bool { return tTail(t, e.DF) >= want })
	}
	return e.LogRatio - t*e.SE, e.LogRatio + t*e.SE
}

// tTail is the chance that Student's t with df degrees of freedom exceeds t >= 0.
// Source: Abramowitz and Stegun, 26.7.1 and 26.5.27.
func tTail(t, df float64) float64 {
	x := df / (df + t*t)
	return math.Exp(logIncompleteBeta(df/2, 0.5, x)-logBeta(df/2, 0.5)) / 2
}

// The first byte of stored sums says how they are written.
const (
	someWhole  = 1 << iota // as whole numbers
	someBucket             // by bucket
	somePlain              // something came without a bucket
)

// MarshalJSON packs the sums: those of counts into less than two hundred characters.
func (s *Sums) MarshalJSON() ([]byte, error) {
	how, put := byte(someWhole), func(v float64) uint64 { return uint64(v) }
	for _, v := range s.fields() {
		if *v != math.Trunc(*v) {
			// As gob does it: few bits at the front of a fraction make a small number.
			how, put = 0, func(v float64) uint64 { return bits.ReverseBytes64(math.Float64bits(v)) }
			break
		}
	}
	if s.plain {
		how |= somePlain
	}
	if s.by != (Buckets{}) {
		how |= someBucket
	}
	packed := []byte{how}
	for i, v := range s.fields() {
		if i < 2 || how&someBucket != 0 {
			packed = binary.AppendUvarint(packed, put(*v))
		}
	}
	return json.Marshal(base64.RawStdEncoding.EncodeToString(packed))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sums) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("sums: %w", err)
	}
	packed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("sums: %w", err)
	}
	if len(packed) == 0 {
		return fmt.Errorf("sums: cut short")
	}
	how, packed := packed[0], packed[1:]
	in := Sums{plain: how&somePlain != 0}
	for i, v := range in.fields() {
		if i >= 2 && how&someBucket == 0 {
			break
		}
		u, n := binary.Uvarint(packed)
		if n <= 0 {
			return fmt.Errorf("sums: cut short")
		}
		packed = packed[n:]
		if *v = float64(u); how&someWhole == 0 {
			*v = math.Float64frombits(bits.ReverseBytes64(u))
		}
		if !(*v >= 0) || math.IsInf(*v, 0) {
			return fmt.Errorf("sums: %g is none", *v)
		}
	}
	*s = in
	return nil
}

func (s *Sums) fields() []*float64 {
	out := []*float64{&s.on, &s.off}
	for i := range bucketCount {
		out = append(out, &s.by.On[i], &s.by.Off[i])
	}
	return out
}
