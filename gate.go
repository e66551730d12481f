package rampart

// A Gate is a bound on a metric. It has exactly one kind.
//
// Ratio, count, latency, mean and objective take selectors of raw counters, not
// PromQL: Rampart adds flag, arm and bucket itself. Threshold, trend and baseline
// take PromQL that returns one value. A probe asks an address.
type Gate struct {
	Name      string     `json:"name"`
	Ratio     *Ratio     `json:"ratio,omitempty"`
	Count     *Count     `json:"count,omitempty"`
	Latency   *Latency   `json:"latency,omitempty"`
	Mean      *Mean      `json:"mean,omitempty"`
	Objective *Objective `json:"objective,omitempty"`
	Baseline  *Baseline  `json:"baseline,omitempty"`
	Threshold *Threshold `json:"threshold,omitempty"`
	Trend     *Trend     `json:"trend,omitempty"`
	Probe     *Probe     `json:"probe,omitempty"`

	OnBreach *Policy  `json:"onBreach,omitempty"`
	Weight   float64  `json:"weight,omitempty"` // share of the launch's error budget
	Detect   float64  `json:"detect,omitempty"` // the rate ratio that a pass must have been able to see
	By       []string `json:"by,omitempty"`     // cohorts, by label
}

// A GateKind names the kind of a gate.
type GateKind string

// The kinds of gates.
const (
	KindRatio     GateKind = "ratio"
	KindCount     GateKind = "count"
	KindLatency   GateKind = "latency"
	KindMean      GateKind = "mean"
	KindObjective GateKind = "objective"
	KindBaseline  GateKind = "baseline"
	KindThreshold GateKind = "threshold"
	KindTrend     GateKind = "trend"
	KindProbe     GateKind = "probe"
)

// Worse says in which direction a metric gets worse.
type Worse string

// The directions. The zero value means higher.
const (
	WorseHigher Worse = "higher"
	WorseLower  Worse = "lower"
)

// A Ratio compares events per unit of the on arm with those of the off arm.
type Ratio struct {
	Events string  `json:"events"` // selector of a counter
	Of     string  `json:"of"`     // selector of a counter
	Worse  Worse   `json:"worse,omitempty"`
	Margin Percent `json:"margin,omitempty"` // harm up to this is accepted
}

// A Count compares how often something happens, without a denominator.
type Count struct {
	Events string  `json:"events"`
	Worse  Worse   `json:"worse,omitempty"`
	Margin Percent `json:"margin,omitempty"`
}

// A Latency compares how often requests are slower than fixed edges of a histogram.
type Latency struct {
	Histogram string `json:"histogram"` // name, or selector without le
}

// A Mean compares a value per unit.
type Mean struct {
	Value  string  `json:"value"` // selector of a counter of values
	Of     string  `json:"of"`    // selector of a counter of units
	Worse  Worse   `json:"worse,omitempty"`
	Margin Percent `json:"margin,omitempty"` // harm up to this is accepted, of the off arm's mean
	Detect Percent `json:"detect,omitempty"` // the change that matters, of the off arm's mean; 0 is 5 %
}

// An Objective is an absolute line for the ratio of bad events, all arms together.
type Objective struct {
	Events string  `json:"events"` // bad events
	Of     string  `json:"of"`
	Good   Percent `json:"good"` // the share that must be good: 99 %
	// Budget is the share of the objective's error budget of thirty days that may be
	// spent while the launch goes on; 0 bounds only how fast it is spent.
	Budget Percent `json:"budget,omitempty"`
}

// A Baseline compares a query with its own past. It needs no control arm.
type Baseline struct {
	Query string `json:"query"`
	Worse Worse  `json:"worse,omitempty"`
}

// A Threshold bounds the value of a query. It is broken when it was out of bounds
// for For without a break.
type Threshold struct {
	Query string   `json:"query"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
	For   Duration `json:"for,omitempty"`
}

// A Trend bounds how fast the value of a query grows.
type Trend struct {
	Query   string   `json:"query"`
	MaxRise Percent  `json:"maxRise"` // of its first value
	Over    Duration `json:"over"`
	For     Duration `json:"for,omitempty"`
}

// A Probe asks a service whether it is well. Exactly one of URL, TCP and GRPC.
type Probe struct {
	URL      string   `json:"url,omitempty"`    // http or https; any 2xx is well
	TCP      string   `json:"tcp,omitempty"`    // host:port; accepting a connection is well
	GRPC     string   `json:"grpc,omitempty"`   // host:port[/service]; grpc.health.v1 SERVING is well
	Status   []int    `json:"status,omitempty"` // instead of any 2xx
	TLS      bool     `json:"tls,omitempty"`    // of GRPC
	Interval Duration `json:"interval,omitempty"`
	Timeout  Duration `json:"timeout,omitempty"`
	Failures int      `json:"failures,omitempty"` // in a row, until it is broken
}

// Kind returns the gate's kind: the first that is there. Validation sees to it
// that there is exactly one.
func (g Gate) Kind() GateKind {
	if kinds := g.Kinds(); len(kinds) > 0 {
		return kinds[0]
	}
	return ""
}

// Kinds returns every kind that the gate has.
func (g Gate) Kinds() []GateKind {
	var kinds []GateKind
	for _, k := range []struct {
		kind GateKind
		is   bool
	}{
		{KindRatio, g.Ratio != nil}, {KindCount, g.Count != nil}, {KindLatency, g.Latency != nil},
		{KindMean, g.Mean != nil}, {KindObjective, g.Objective != nil}, {KindBaseline, g.Baseline != nil},
		{KindThreshold, g.Threshold != nil}, {KindTrend, g.Trend != nil}, {KindProbe, g.Probe != nil},
	} {
		if k.is {
			kinds = append(kinds, k.kind)
		}
	}
	return kinds
}

// Compares reports whether the gate compares the arms, and so needs both.
func (g Gate) Compares() bool {
	switch g.Kind() {
	case KindRatio, KindCount, KindLatency, KindMean:
		return true
	}
	return false
}

// Statistical reports whether the gate's verdict is evidence with a stated rate of
// false alarms, and not a comparison with a fixed bound.
func (g Gate) Statistical() bool {
	switch g.Kind() {
	case KindThreshold, KindTrend, KindProbe:
		return false
	}
	return true
}

// A Word is the verdict in one word.
type Word string

// The verdicts, from best to worst.
const (
	NotApplicable Word = "not-applicable" // a comparing gate while one arm is empty by plan
	Holding       Word = "holding"        // in bounds so far; the hold is not over
	Pass          Word = "pass"           // the hold is over, and harm would have been seen
	Undecided     Word = "undecided"      // the hold is over, and harm could not have been seen
	NoData        Word = "no-data"        // answered, but an expected arm or series is missing
	Blind         Word = "blind"          // no answer
	Breach        Word = "breach"
)

var severity = map[Word]int{NotApplicable: 0, Pass: 1, Holding: 2, Undecided: 3, NoData: 4, Blind: 5, Breach: 6}

// WorseThan reports whether w is a worse verdict than v.
func (w Word) WorseThan(v Word) bool { return severity[w] > severity[v] }

// A Verdict is what the gates say at one tick.
type Verdict struct {
	Word   Word          `json:"word"` // the worst of the gates'
	Gate   string        `json:"gate,omitempty"`
	Reason string        `json:"reason,omitempty"` // written to be read: "errors 4 % > 1 % for 2m"
	At     int64         `json:"at,omitempty"`     // the tick, ms since 1970
	Gates  []GateVerdict `json:"gates,omitempty"`

	SampleRatio *SampleRatio    `json:"sampleRatio,omitempty"`
	Decision    *RampDecision   `json:"decision,omitempty"`  // of the maximum power ramp
	Recommended *Recommendation `json:"recommend,omitempty"` // of a stage that asks for it
}

// A GateVerdict is what one gate says at one tick.
type GateVerdict struct {
	Gate   string   `json:"gate"`
	Kind   GateKind `json:"kind"`
	Word   Word     `json:"word"`
	Reason string   `json:"reason,omitempty"`
	Action Action   `json:"action,omitempty"` // what its breach does

	Value  *float64 `json:"value,omitempty"`  // of a threshold, or the rate ratio on over off
	Low    *float64 `json:"low,omitempty"`    // of the confidence sequence
	High   *float64 `json:"high,omitempty"`   //
	Share  float64  `json:"share,omitempty"`  // of its limit that the evidence has reached
	OnN    float64  `json:"onN,omitempty"`    // units seen in the on arm since first exposure
	OffN   float64  `json:"offN,omitempty"`   //
	LogE   float64  `json:"logE,omitempty"`   // natural logarithm of the e-value
	Power  float64  `json:"power,omitempty"`  // share of the information that a pass needs
	OnBad  float64  `json:"onBad,omitempty"`  // events in the on arm in this tick
	OffBad float64  `json:"offBad,omitempty"` //
	Phi    float64  `json:"phi,omitempty"`    // overdispersion; 0 or 1: none
	Part   string   `json:"part,omitempty"`   // the cohort or edge with the most evidence
}
