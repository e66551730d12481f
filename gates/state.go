package gates

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/evidence"
)

// State is what must be remembered of a launch between two looks. The zero value
// is that of a launch nobody has looked at; an attempt that steps back starts with
// it again. It is JSON of a few hundred bytes a gate, without raw counters. Two
// looks at one launch must not share it at the same time.
type State struct {
	Version   int              `json:"v"`
	Tick      int64            `json:"tick"`           // the last that was judged, ms since 1970, as all times here
	Step      int              `json:"step,omitempty"` // counts the steps that were looked at
	StepSince int64            `json:"stepSince,omitempty"`
	Evidence  *evidence.Launch `json:"evidence,omitempty"`
	Gates     map[string]*gate `json:"gates,omitempty"` // by key

	Tally *tally `json:"tally,omitempty"`

	// Learnt are the overdispersions that an earlier attempt had learnt before anybody
	// was exposed, by key of the gate.
	Learnt map[string]float64 `json:"learnt,omitempty"`

	Due     int64 `json:"due,omitempty"`     // the tick to look at next
	Stirred int64 `json:"stirred,omitempty"` // the last at which something asked for a closer look
}

// stateVersion is that of the stored form. A state of another version is refused:
// evidence that was misread would break the error budget in silence.
const stateVersion = 1

// A gate is what is remembered of one gate, by its definition: a stage that gives
// the same name to something else starts afresh, and a stage that returns to the
// first definition goes on with what was known.
type gate struct {
	Seen  answer  `json:"seen,omitempty"`  // what came of the last look
	Why   string  `json:"why,omitempty"`   // nothing was seen
	Ails  string  `json:"ails,omitempty"`  // what is wrong with the data, as far as the source knows
	At    int64   `json:"at,omitempty"`    // the last tick with an answer
	Run   int     `json:"run,omitempty"`   // answered looks in a row, at most enough
	Value float64 `json:"value,omitempty"` // at that tick
	Out   bounds  `json:"out,omitzero"`    // how long it has been out of bounds

	Counted  int64          `json:"counted,omitempty"` // the tick until which counters were counted
	Arrivals arrivals       `json:"arrivals,omitzero"`
	OnBad    float64        `json:"onBad,omitempty"` // events of the last tick
	OffBad   float64        `json:"offBad,omitempty"`
	Onset    *onset         `json:"onset,omitempty"`
	Tail     *tail          `json:"edges,omitempty"`  // of a latency
	Burn     *evidence.Burn `json:"burn,omitempty"`   // of an objective
	Season   *seasonal      `json:"season,omitempty"` // of a baseline
	Probed   *probings      `json:"probed,omitempty"`
}

// An answer is what came of asking.
type answer string

// The answers.
const (
	answered answer = ""
	missing  answer = "missing" // an answer without what was asked for
	silence  answer = "silence" // no answer
)

const (
	// enough is how many looks in a row must have had an answer before a gate that
	// is not statistical passes.
	enough = 3
	// maxWhy bounds a reason that comes from outside.
	maxWhy = 160
)

// Afresh returns the state with which a launch that has stepped back tries again: with
// evidence of its own, with what was learnt before anybody was exposed, and with what
// acknowledged mismatches have left of the level of a sample ratio.
func (s *State) Afresh() State {
	again := State{Learnt: maps.Clone(s.Learnt)}
	if again.Learnt == nil {
		again.Learnt = map[string]float64{}
	}
	if s.Tally != nil && s.Tally.Units != nil && s.Tally.Units.Acknowledged() > 0 {
		again.Tally = &tally{Units: s.Tally.Units.Afresh()}
	}
	if s.Evidence == nil {
		return again
	}
	for _, g := range s.Evidence.Gates() {
		if phi := g.Learnt(); phi > 0 {
			again.Learnt[g.Name()] = phi
		}
	}
	return again
}

// open makes a new state usable.
func (s *State) open(look Look) error {
	if s.Version == 0 {
		*s = State{Version: stateVersion, Learnt: s.Learnt, Tally: s.Tally}
	}
	if s.Version != stateVersion {
		return rampart.Errorf(rampart.Refused, "the evidence of %s is of version %d, and this worker reads version %d",
			look.Flag, s.Version, stateVersion).WithHint("let workers of one version watch this launch")
	}
	if s.Gates == nil {
		s.Gates = map[string]*gate{}
	}
	return s.enroll(look)
}

// gate returns what is known of a gate; of a new one, nothing.
func (s *State) gate(spec rampart.Gate) *gate {
	if g := s.Gates[key(spec)]; g != nil {
		return g
	}
	return new(gate)
}

// fold takes one tick into the state.
func (s *State) fold(look Look, sights []sight, tallied counts) error {
	if since := look.StepSince.UnixMilli(); since != s.StepSince {
		s.Step, s.StepSince = s.Step+1, since
	}
	for i, spec := range look.Gates {
		if !s.counts(look, spec) {
			continue
		}
		g := s.gate(spec)
		s.Gates[key(spec)] = g
		if !look.asks(spec) {
			g.learn(look, s, spec, sights[i])
			continue
		}
		if err := g.fold(look, s, spec, sights[i]); err != nil {
			return fmt.Errorf("gate %s: %w", spec.Name, err)
		}
	}
	s.forget(look)
	if err := s.takeTally(look, tallied); err != nil {
		return err
	}
	s.Tick = look.tick()
	if s.Evidence != nil { // after all gates: a look between them would be one too many
		s.Evidence.Look(s.Tick)
	}
	return nil
}

// fold takes what was seen of a gate at one tick.
func (g *gate) fold(look Look, s *State, spec rampart.Gate, saw sight) error {
	if !saw.asked { // nothing new, but what is known still holds
		g.answered(look)
		return nil
	}
	err, fault := saw.err, error(nil)
	if err == nil {
		switch spec.Kind() {
		case rampart.KindThreshold:
			g.Value = saw.value
			g.Out.take(look, g.At, beyond(*spec.Threshold, saw.value))
		case rampart.KindTrend:
			err = g.rise(look, *spec.Trend, saw)
		case rampart.KindProbe:
			g.probed(look, saw)
		case rampart.KindRatio, rampart.KindCount:
			err, fault = g.compare(look, s, spec, saw)
		case rampart.KindLatency:
			err, fault = g.slow(look, s, spec, saw)
		case rampart.KindObjective:
			err, fault = g.objective(look, s, spec, saw)
		case rampart.KindMean:
			err, fault = g.average(look, s, spec, saw)
		case rampart.KindBaseline:
			err = g.season(look, *spec.Baseline, saw)
		}
	}
	g.Ails = ""
	switch g.Seen, g.Why = answerOf(err); g.Seen {
	case answered:
		g.answered(look)
	case missing:
		g.Ails = ails(saw.counts)
		fallthrough
	default:
		g.Run = 0
	}
	return fault
}

// ails returns what is wrong with the data of a gate: with its units, or else with its
// events.
func ails(counted []Counted) string {
	for _, c := range slices.Backward(counted) {
		if c.Ails != "" {
			return short(c.Ails)
		}
	}
	return ""
}

// answered notes that the gate's state at this tick is known.
func (g *gate) answered(look Look) {
	if look.tick()-g.At > enough*look.pace.Milliseconds() {
		g.Run = 0
	}
	g.Run, g.At = min(g.Run+1, enough), look.tick()
}

// forget lets go of what is known of gates that are no longer looked at and have no
// evidence. Evidence stays: a later stage may go on with it.
func (s *State) forget(look Look) {
	present := map[string]bool{}
	for _, spec := range look.Gates {
		present[key(spec)] = true
	}
	for k := range s.Gates {
		if !present[k] && (s.Evidence == nil || s.Evidence.Gate(k) == nil) {
			delete(s.Gates, k)
		}
	}
}

func answerOf(err error) (answer, string) {
	var none *NoData
	var impossible *evidence.BadTick
	switch {
	case err == nil:
		return answered, ""
	case errors.As(err, &none):
		return missing, short(none.Reason)
	case errors.As(err, &impossible):
		return missing, short("impossible counts: " + impossible.Reason)
	case errors.Is(err, context.DeadlineExceeded):
		return silence, "no answer in time"
	}
	return silence, short(err.Error())
}

func short(s string) string {
	if len(s) <= maxWhy {
		return s
	}
	return strings.ToValidUTF8(s[:maxWhy], "") + "..."
}

// key identifies a gate by its name and by what it judges. Whether it spends the
// error budget of the launch or has one of its own is part of that.
func key(g rampart.Gate) string {
	back := takesBack(g)
	g.OnBreach, g.Weight, g.Detect = nil, 0, 0
	definition, err := json.Marshal(g)
	if err != nil { // a bound that is not a number, which no plan file can hold
		definition = fmt.Appendf(nil, "%+v", g)
	}
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, back)
	_, _ = h.Write(definition)
	return fmt.Sprintf("%s#%08x", g.Name, h.Sum32())
}

// nameOf returns the name of the gate that a key identifies.
func nameOf(key string) string {
	name, _, _ := strings.Cut(key, "#")
	return name
}

// span writes ms as a duration that is read by people.
func span(ms int64) string {
	return rampart.Duration((time.Duration(ms) * time.Millisecond).Round(time.Second)).String()
}
