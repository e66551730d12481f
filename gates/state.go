package gates

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/rampart-dev/rampart"
)

// State is what must be remembered of a launch between two looks. It is made by
// the zero value, read and written as JSON, and has no raw counters. Two looks at
// one launch must not share it at the same time.
type State struct {
	Version int              `json:"v"`
	Tick    int64            `json:"tick"` // the last that was judged, ms since 1970
	Gates   map[string]*gate `json:"gates,omitempty"`
}

// stateVersion is that of the stored form. A state of another version is refused:
// evidence that was misread would break the error budget in silence.
const stateVersion = 1

// A gate is what is remembered of one gate, by its definition: a stage that gives
// the same name to something else starts afresh, and a stage that returns to the
// first definition goes on with what it knew.
type gate struct {
	Seen  answer  `json:"seen,omitempty"`  // the last look
	Why   string  `json:"why,omitempty"`   // nothing was seen
	At    int64   `json:"at,omitempty"`    // the last tick with an answer, ms
	Run   int     `json:"run,omitempty"`   // answered looks in a row, at most enough
	Value float64 `json:"value,omitempty"` // at that tick

	Out      int64 `json:"out,omitempty"`      // ms of answered time out of bounds without a break
	OutSince int64 `json:"outSince,omitempty"` // the tick at which it left its bounds, ms
}

// An answer is what came of asking.
type answer string

// The answers.
const (
	answered answer = ""
	missing  answer = "missing" // an answer without what was asked for
	silence  answer = "silence" // no answer
)

// enough is how many looks in a row must have had an answer before a gate passes.
const enough = 3

// maxWhy bounds a reason that comes from outside.
const maxWhy = 160

// open makes a new state usable, and lets go of gates that the plan has let go.
func (s *State) open(look Look) error {
	if s.Version == 0 {
		*s = State{Version: stateVersion, Gates: map[string]*gate{}}
	}
	if s.Version != stateVersion {
		return rampart.Errorf(rampart.Refused, "the evidence of %s is of version %d, and this worker reads version %d",
			look.Flag, s.Version, stateVersion).WithHint("let workers of one version watch this launch")
	}
	return nil
}

// fold takes one tick into the state.
func (s *State) fold(look Look, sights []sight) {
	known := map[string]*gate{}
	for i, g := range look.Gates {
		k := key(g)
		if known[k] = s.Gates[k]; known[k] == nil {
			known[k] = new(gate)
		}
		known[k].fold(look, g, sights[i])
	}
	s.Gates, s.Tick = known, look.tick()
}

func (g *gate) fold(look Look, spec rampart.Gate, seen sight) {
	if g.Seen, g.Why = answerOf(seen.err); g.Seen != answered {
		g.Run = 0
		return
	}
	switch spec.Kind() {
	case rampart.KindThreshold:
		g.Value = seen.value
		g.bounded(look, beyond(*spec.Threshold, seen.value))
	}
	if look.tick()-g.At > enough*look.Every.Milliseconds() {
		g.Run = 0
	}
	g.Run = min(g.Run+1, enough)
	g.At = look.tick()
}

// bounded counts for how long a value has been out of its bounds. Time without an
// answer is not counted, nor is more than two ticks that nobody looked at.
func (g *gate) bounded(look Look, out bool) {
	switch {
	case !out:
		g.Out, g.OutSince = 0, 0
	case g.OutSince == 0:
		g.OutSince = look.tick()
	default:
		g.Out += min(look.tick()-g.At, 2*look.Every.Milliseconds())
	}
}

func answerOf(err error) (answer, string) {
	var none *NoData
	switch {
	case err == nil:
		return answered, ""
	case errors.As(err, &none):
		return missing, short(none.Reason)
	}
	return silence, short(err.Error())
}

func short(s string) string {
	if len(s) <= maxWhy {
		return s
	}
	return s[:maxWhy] + "..."
}

// key identifies a gate by its name and by what it judges.
func key(g rampart.Gate) string {
	g.OnBreach, g.Weight, g.Detect = nil, 0, 0
	definition, err := json.Marshal(g)
	if err != nil { // a bound that is not a number, which no plan file can hold
		definition = fmt.Appendf(nil, "%+v", g)
	}
	h := fnv.New32a()
	_, _ = h.Write(definition)
	return fmt.Sprintf("%s#%08x", g.Name, h.Sum32())
}

// span writes ms as a duration that is read by people.
func span(ms int64) string {
	return rampart.Duration((time.Duration(ms) * time.Millisecond).Round(time.Second)).String()
}
