package rampart

// A DecisionWord is what the evidence of a launch says to do, in one word.
type DecisionWord string

// The decisions that the end of the maximum power ramp can come to.
const (
	Ship         DecisionWord = "ship"         // no guardrail is worse than its margin, and a goal is better, or none had to be
	Regress      DecisionWord = "regress"      // a guardrail is harmed
	NoEffect     DecisionWord = "no-effect"    // every goal lies within what was not worth detecting
	Inconclusive DecisionWord = "inconclusive" // more data may tell
)

// A RampDecision is what the gates and goals of a launch come to at the end of the
// maximum power ramp. People approve it; it approves nothing by itself.
type RampDecision struct {
	Word     DecisionWord  `json:"word"`
	Reason   string        `json:"reason"`             // in a sentence
	At       int64         `json:"at"`                 // the tick, ms since 1970
	Fraction float64       `json:"fraction,omitempty"` // of the information expected at the declared cap
	Goals    []GoalVerdict `json:"goals,omitempty"`
}

// A GoalVerdict is how far one goal of the plan has come.
type GoalVerdict struct {
	Goal   string       `json:"goal"`
	Word   DecisionWord `json:"word"`   // ship: better; regress: worse; no-effect; inconclusive
	Reason string       `json:"reason"` // "completed checkouts +2.3 % (+0.4 to +4.2), 2 % wanted"

	Effect   float64 `json:"effect"`             // relative: 0.02 is 2 % better
	Low      float64 `json:"low"`                // of its interval at this look
	High     float64 `json:"high"`               //
	Z        float64 `json:"z,omitempty"`        // the statistic
	Bound    float64 `json:"bound,omitempty"`    // of this look, by the spending of error
	Fraction float64 `json:"fraction,omitempty"` // of its information
}

// A SampleRatio compares how many units each arm first saw with what the allocation
// in force says. Where they do not match, units are lost or counted twice in one arm,
// and no comparison between the arms can be believed.
type SampleRatio struct {
	On       int64   `json:"on"`       // units first seen since first exposure
	Off      int64   `json:"off"`      //
	Expected float64 `json:"expected"` // share of the on arm that the allocations say, 0 to 1
	LogE     float64 `json:"logE"`     // natural logarithm of the e-value
	Mismatch bool    `json:"mismatch,omitempty"`
	Reason   string  `json:"reason,omitempty"` // "612 of 10,000 new units on, 500 expected"
	Acked    int     `json:"acked,omitempty"`  // mismatches that a person has acknowledged
}

// A Recommendation is how far the ramp may go next, by what has been seen so far.
type Recommendation struct {
	Percent Percent `json:"percent"` // never above the stage's cap
	Reason  string  `json:"reason"`  // "harm of errors is at most 1.12x; 40 % keeps the risk within 5 %"
}
