package rampart

import (
	"encoding/json"
	"slices"
	"time"
)

// A Plan says how one flag is to be launched. Flag, Owner and Purpose are all
// that is required; [Plan.WithDefaults] fills in the rest.
//
// A plan is written in YAML and read by package planfile; its JSON form has the
// same keys and travels to the workflow.
type Plan struct {
	Flag        string            `json:"flag"`
	Owner       string            `json:"owner"`
	Purpose     string            `json:"purpose"`
	Environment string            `json:"environment,omitempty"`
	Type        FlagType          `json:"type,omitempty"`
	RetireBy    Date              `json:"retireBy,omitempty"`
	Hypothesis  string            `json:"hypothesis,omitempty"`
	Unit        Unit              `json:"unit,omitempty"`
	Layer       *Layer            `json:"layer,omitempty"`   // its slots beside other flags, until the finish
	Holdout     string            `json:"holdout,omitempty"` // a segment that is held out; absent: the environment's; NoHoldout: nobody
	Values      []json.RawMessage `json:"values,omitempty"`  // off, on; any JSON
	Profile     Profile           `json:"profile,omitempty"`
	Calendar    *Calendar         `json:"calendar,omitempty"`
	Requires    []Requirement     `json:"requires,omitempty"`
	Gates       []Gate            `json:"gates,omitempty"` // of every stage; a stage adds, or overrides by name
	Goals       []Goal            `json:"goals,omitempty"`
	NonInferior bool              `json:"nonInferiority,omitempty"` // not to be worse is enough; goals are told, and need not be better
	Shadow      Duration          `json:"shadow,omitempty"`         // arms assigned, everybody served off, before the first exposure
	Stages      []Stage           `json:"stages,omitempty"`         // absent: the standard five; present: exactly these
	Finish      *Finish           `json:"finish,omitempty"`
	Every       Duration          `json:"every,omitempty"` // between two looks at the gates
	Alpha       Percent           `json:"alpha,omitempty"` // the launch's error budget: P(turned back | harmless)
	Lease       *Lease            `json:"lease,omitempty"`
	Parachute   *Parachute        `json:"parachute,omitempty"`
	OnBlind     *BlindPolicy      `json:"onBlind,omitempty"`
	Notify      []string          `json:"notify,omitempty"` // channels named in the worker's configuration
}

// NoHoldout is the holdout of a plan that holds nobody out, whatever the environment does.
const NoHoldout = "none"

// HeldOut returns the rules by which a launch of the plan holds units out, given the
// segments of the environment. Operations and permission flags are no launches of
// features, so they are held out of nothing unless their plan says so.
func (p Plan) HeldOut(segments []Segment) (out []Rule) {
	switch {
	case p.Holdout == NoHoldout, p.Holdout == "" && p.Type != Release && p.Type != Experiment && p.Type != "":
		return nil
	case p.Holdout != "":
		return []Rule{{Segment: p.Holdout}}
	}
	for _, s := range segments {
		if s.Holdout && !s.Removed {
			out = append(out, Rule{Segment: s.Name})
		}
	}
	return out
}

// CheckHoldout refuses a plan that holds out a segment which is not there: a launch
// would expose whoever is meant.
func (p Plan) CheckHoldout(segments []Segment) error {
	if p.Holdout == "" || p.Holdout == NoHoldout ||
		slices.ContainsFunc(segments, func(s Segment) bool { return s.Name == p.Holdout && !s.Removed }) {
		return nil
	}
	return Errorf(Refused, "%s is to hold out segment %s, which is not there", p.Flag, p.Holdout).
		WithHint("make it first: rampart segment apply FILE; rampart segment list shows what there is")
}

// A Profile is a ready-made list of stages.
type Profile string

// The profiles.
const (
	Standard Profile = "standard" // the five phases
	Express  Profile = "express"  // one step: everybody, for an hour, under absolute gates
)

// A Unit is what is bucketed: "user", "request", or "attribute:NAME".
type Unit string

// The units that are not attributes.
const (
	User    Unit = "user"
	Request Unit = "request"
)

// A Stage is the plan for one phase.
type Stage struct {
	Phase      Phase      `json:"phase"`
	Include    []Rule     `json:"include,omitempty"` // put on, in no arm, from this stage on
	Where      []Rule     `json:"where,omitempty"`   // who is eligible for the percentage
	Steps      []Step     `json:"steps,omitempty"`
	Gates      []Gate     `json:"gates,omitempty"`
	Approvals  *Approvals `json:"approvals,omitempty"` // needed to enter the stage
	OnBreach   *Policy    `json:"onBreach,omitempty"`  // for the gates of this stage that say nothing else
	Extend     *Extend    `json:"extend,omitempty"`
	Objectives []string   `json:"objectives,omitempty"`
	Recommend  bool       `json:"recommend,omitempty"`
}

// A Step is one exposure, held for a while.
type Step struct {
	Percent Percent  `json:"percent"`
	Hold    Duration `json:"hold"`
}

// Approvals say who must consent before a phase is entered: a number of distinct
// people, or one person of each group. In a plan a bare number is enough.
type Approvals struct {
	Count  int      `json:"count,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Expire Duration `json:"expire,omitempty"` // a request this old holds the launch and notifies
}

// Needed returns how many people must consent.
func (a *Approvals) Needed() int {
	if a == nil {
		return 0
	}
	return max(a.Count, len(a.Groups))
}

// An Action is what a breach does.
type Action string

// The actions.
const (
	ActTurnBack Action = "turn-back"
	ActStepBack Action = "step-back"
	ActHold     Action = "hold"
	ActNotify   Action = "notify"
	ActExpose   Action = "expose" // anew, after a lease that has ended
)

// A Policy says what happens at a breach. In a plan a bare action is enough.
type Policy struct {
	Action   Action   `json:"action"`
	CoolDown Duration `json:"coolDown,omitempty"` // of a step back
	Attempts int      `json:"attempts,omitempty"` // how often to step back before turning back
}

// A BlindPolicy says what happens while the provider of a metric does not answer.
type BlindPolicy struct {
	Action Action   `json:"action"` // hold or turn-back
	After  Duration `json:"after,omitempty"`
}

// Extend lets an undecided stage go on.
type Extend struct {
	By   Duration `json:"by"`
	UpTo Duration `json:"upTo"`
}

// Finish says how a launch ends well: everybody is exposed, watched once more,
// and the holdout is released.
type Finish struct {
	Percent Percent  `json:"percent"`
	Bake    Duration `json:"bake"`
}

// A Calendar says when exposure may be raised. It never delays a turning back.
type Calendar struct {
	Zone    string   `json:"zone,omitempty"`
	Promote string   `json:"promote,omitempty"` // mon-thu 09:00-16:00
	Freeze  []Freeze `json:"freeze,omitempty"`
}

// A Freeze is a span of days without raises; until is the first day after it.
type Freeze struct {
	From  Date   `json:"from"`
	Until Date   `json:"until"`
	Why   string `json:"why,omitempty"`
}

// A Requirement must hold before exposure is raised.
type Requirement struct {
	Flag  string   `json:"flag,omitempty"`  // this flag is launched
	Query string   `json:"query,omitempty"` // this query is in bounds
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
}

// A Goal is a metric that the launch is to improve.
type Goal struct {
	Name    string  `json:"name"`
	Ratio   *Ratio  `json:"ratio,omitempty"`
	Mean    *Mean   `json:"mean,omitempty"`
	Improve Percent `json:"improve"`
}

// A Lease says how long an exposure may outlive its guard.
type Lease struct {
	Warn Duration `json:"warn,omitempty"`
	End  Duration `json:"end,omitempty"` // absent: an hour up to 10 %, six above; none in learning and bake

	// OnEnd is what the launch does once its guard is back and finds that readers went to
	// the baseline by themselves: turn back, as where it is absent, or expose anew.
	OnEnd Action `json:"onEnd,omitempty"`
}

// A Parachute says how many of the known readers must confirm the flag's version
// before the first exposure, and how long the launch waits for them before it is held.
type Parachute struct {
	Share Percent  `json:"share,omitempty"`
	Wait  Duration `json:"wait,omitempty"`
}

// A Source tells where a plan came from. It is recorded at the start.
type Source struct {
	SHA256 string `json:"sha256"`           // of the file as it was read, in hex
	File   string `json:"file,omitempty"`   // as it was named
	Commit string `json:"commit,omitempty"` // git commit of the tree that holds it
	Dirty  bool   `json:"dirty,omitempty"`  // the tree had changes that were not committed
}

// GatesOf returns the gates of a stage: the plan's, overridden by name, and the
// stage's own, each with the breach policy that applies to it.
func (p Plan) GatesOf(s Stage) []Gate {
	var gates []Gate
	own := map[string]bool{}
	for _, g := range s.Gates {
		own[g.Name] = true
	}
	for _, g := range p.Gates {
		if !own[g.Name] {
			gates = append(gates, g)
		}
	}
	gates = append(gates, s.Gates...)
	for i := range gates {
		if gates[i].OnBreach == nil {
			gates[i].OnBreach = s.OnBreach
		}
		if gates[i].OnBreach == nil {
			gates[i].OnBreach = &Policy{Action: ActTurnBack}
		}
	}
	return gates
}

// StageOf returns the index of the stage of a phase; of no phase, the first.
func (p Plan) StageOf(phase Phase) int {
	return max(0, slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Phase == phase }))
}

// Hold returns how long the stage holds all its steps together.
func (s Stage) Hold() time.Duration {
	var d time.Duration
	for _, st := range s.Steps {
		d += st.Hold.D()
	}
	return d
}
