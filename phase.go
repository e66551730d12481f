package rampart

import "slices"

// A Phase is one of the five stations that a launch passes, in order.
type Phase string

// The phases of a launch.
const (
	TestInProduction Phase = "test-in-production" // internal people only
	Debug            Phase = "debug"              // few units; gross harm
	MaxPowerRamp     Phase = "max-power-ramp"     // half and half; measuring
	Scalability      Phase = "scalability"        // shared resources
	Learning         Phase = "learning"           // long-term effect against a holdout
)

// Phases lists the phases in the order in which a launch walks them.
var Phases = []Phase{TestInProduction, Debug, MaxPowerRamp, Scalability, Learning}

// Index returns the place of the phase in [Phases], or -1 where there is no such phase.
func (p Phase) Index() int { return slices.Index(Phases, p) }

// A State is where a launch stands; it is a search attribute of its workflow.
type State string

// The states of a launch. The last six are endings.
const (
	Waiting     State = "waiting"      // before a stage or a raise; see Progress.WaitingFor
	Watching    State = "watching"     // a step is held, its gates are judged
	Held        State = "held"         // will not go on until a person decides
	Paused      State = "paused"       // a person stopped promotion; the guard goes on
	Cooling     State = "cooling"      // stepped back, waiting to try again
	Baking      State = "baking"       // everybody is exposed; the last watch
	TurningBack State = "turning-back" // returning to the baseline, retried without limit
	Launched    State = "launched"
	TurnedBack  State = "turned-back"
	Killed      State = "killed"
	Superseded  State = "superseded"
	Cancelled   State = "cancelled"
	Failed      State = "failed"
)

// Ended reports whether the state is an ending.
func (s State) Ended() bool {
	switch s {
	case Launched, TurnedBack, Killed, Superseded, Cancelled, Failed:
		return true
	}
	return false
}

// A Cause says what ended a launch short of its goal.
type Cause string

// The causes of a turning back.
const (
	CauseBreach   Cause = "breach"
	CauseBlind    Cause = "blind"
	CauseLease    Cause = "lease"
	CausePerson   Cause = "person"
	CauseRejected Cause = "rejected"
	CauseSwept    Cause = "swept"
)

// What a waiting launch waits for.
const (
	ForApproval    = "approval"
	ForDecision    = "decision"
	ForCalendar    = "calendar"
	ForFreeze      = "freeze"
	ForRequirement = "requirement"
	ForParachute   = "parachute"
)
