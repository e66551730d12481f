package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rampart-dev/rampart"
)

// The law says what may be in the store at any moment. It knows the plan, what people
// did and what the metrics answered, and it sees every write the moment that it is
// made. It knows nothing of how the product decides.
type law struct {
	x      *telling
	plan   rampart.Plan
	places []place

	mu      sync.Mutex
	events  int            // counts everything, so that it is plain what came first
	firsts  map[string]int // when the first attempt of an activity began, by its ID
	lines   []string
	breaks  []string
	stored  registers                // as last seen
	newest  int64                    // version that was ever written
	start   int                      // where it stood at first
	at      int                      // the place where the launch stands; -1: nobody was exposed yet
	since   map[string]time.Duration // when the launch came to a place, by its name
	stopped *halt
	down    bool // the baseline was written after the halt
	meddled bool // somebody else has changed the flag since the launch wrote it last
	paused  bool
	held    bool // by a person
	skewed  bool // a mismatch of the sample ratio holds it
	pauses  []span
	moment  int // when the last pause or hold began
	wishes  []time.Duration
	setback *halt         // a breach at which the launch is to step back, and has not yet
	cooled  time.Duration // until then nothing is raised
	lapsed  bool          // the lease has ended, and what it was of is to be exposed anew
	backs   int
	unmet   bool // what the plan requires

	consent   []consent
	revisions []rampart.Plan // that were ever walked
	debts     []debt
	amenders  map[string]int // when, in the order of events
	amendedAt time.Duration
	again     rampart.Phase // the stage that is to be consented to once more

	looks  []look
	kept   int64 // tick of the evidence that the store keeps
	handed int   // when the launch heard that it had handed the pen on
}

// requirement is the query of what a plan requires.
const requirement = "requirement"

// A place is where a launch may stand: every step of the plan, and the finish.
type place struct {
	stage          int
	phase          rampart.Phase
	percent        rampart.Percent
	include, where string
	hold           time.Duration
	leased         bool
	enters         bool // it is the first of its stage
}

// A halt is why nothing may be raised any more.
type halt struct {
	why string
	at  int
	age time.Duration
}

type span struct{ from, to time.Duration }

// A look is one tick at which the gates were asked.
type look struct {
	tick   int64
	ills   map[string]illness
	known  int // when the product could no longer forget it; 0: it still can
	breach bool
}

func newLaw(x *telling, s story) *law {
	l := &law{
		x: x, plan: s.plan, places: placesOf(s.plan), start: -1, at: -1, firsts: map[string]int{},
		since: map[string]time.Duration{}, amenders: map[string]int{}, amendedAt: evening,
	}
	for i, p := range l.places {
		if p.phase == s.from && p.enters {
			l.start, l.at = i-1, i-1
		}
	}
	entered := -1
	if l.at >= 0 {
		entered = l.places[l.at].stage
	}
	l.owes(s.plan, entered)
	for i := range l.debts {
		if d := &l.debts[i]; d.phase == s.from && d.need.Needed() == 0 {
			d.need = &rampart.Approvals{Count: 1} // nobody walks up to it this time
		}
	}
	return l
}

func placesOf(plan rampart.Plan) []place {
	var places []place
	var include []rampart.Rule
	for i, s := range plan.Stages {
		include = append(include, s.Include...)
		for j, st := range s.Steps {
			places = append(places, place{
				stage: i, phase: s.Phase, percent: st.Percent, include: rules(include), where: rules(s.Where),
				hold: st.Hold.D(), leased: s.Phase != rampart.Learning, enters: j == 0,
			})
		}
	}
	end := places[len(places)-1]
	end.percent, end.hold, end.leased, end.enters = plan.Finish.Percent, plan.Finish.Bake.D(), false, false
	return append(places, end)
}

func (p place) name() string { return fmt.Sprintf("%s in %s", p.percent, p.phase) }

// was reports whether the launch was at a place.
func (l *law) was(place int) bool {
	_, was := l.since[l.places[place].name()]
	return was
}

func rules(r []rampart.Rule) string {
	if len(r) == 0 {
		return ""
	}
	b, err := json.Marshal(r)
	must(err)
	return string(b)
}

func (l *law) finish() int { return len(l.places) - 1 }

// note writes into the diary. The caller holds l.mu, as of all that begin with a small letter below.
func (l *law) note(format string, args ...any) int {
	l.events++
	l.lines = append(l.lines, fmt.Sprintf("%3d  %-9s %s", l.events, l.x.age(), fmt.Sprintf(format, args...)))
	return l.events
}

func (l *law) breaksWith(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	l.note("AGAINST THE LAW: %s", what)
	l.breaks = append(l.breaks, what)
}

func (l *law) broken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.breaks) == 0 {
		return ""
	}
	return l.breaks[0]
}

func (l *law) diary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return "  " + strings.Join(l.lines, "\n  ") + "\n"
}

// begins notes that an attempt begins, and when the first of its activity did.
func (l *law) begins(id string) (now, first int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events++
	if l.firsts[id] == 0 {
		l.firsts[id] = l.events
	}
	return l.events, l.firsts[id]
}

// halts notes that nothing may be raised from now on.
func (l *law) halts(why string) {
	if l.stopped == nil {
		l.stopped = &halt{why: why, at: l.note("%s: nothing may be raised any more", why), age: l.x.age()}
	}
}

// asked notes that a gate was asked at a tick, and what the metrics answered.
func (l *law) asked(ctx context.Context, gate string, tick int64, ill illness) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if gate == requirement {
		l.unmet = ill != ""
		l.note("what the plan requires: unmet %v", l.unmet)
		return
	}
	i := slices.IndexFunc(l.looks, func(k look) bool { return k.tick == tick })
	if i < 0 {
		l.looks = append(l.looks, look{tick: tick, ills: map[string]illness{}})
		i = len(l.looks) - 1
	}
	k := &l.looks[i]
	k.ills[gate] = ill
	if ill != "" {
		l.note("gate %s %s at minute %d", gate, ill, l.minute(tick))
	}
	if ill == outOfBounds && l.action(gate) == rampart.ActTurnBack {
		k.breach = true
	}
}

func (l *law) action(gate string) rampart.Action {
	all := slices.Clone(l.plan.Gates)
	for _, s := range l.plan.Stages {
		all = append(all, s.Gates...)
	}
	for _, g := range all {
		if g.Name == gate {
			return onBreach(g)
		}
	}
	return ""
}

// answers reports whether every gate that has a say had a sample at a tick.
func (l *law) answers(k look) bool {
	for gate, ill := range k.ills {
		if (ill == noData || ill == blind) && l.action(gate) != rampart.ActNotify {
			return false
		}
	}
	return true
}

// well reports whether nothing that was seen speaks against going on.
func (l *law) well(k look) bool {
	for gate, ill := range k.ills {
		if ill != "" && l.action(gate) != rampart.ActNotify {
			return false
		}
	}
	return true
}

func (l *law) age(tick int64) time.Duration { return time.UnixMilli(tick).Sub(l.x.began) }
func (l *law) minute(at int64) int          { return int(l.age(at) / tick) }

// answered notes the end of an attempt: what a watch has seen is known to the launch
// from then on, unless the attempt died with it.
func (l *law) answered(a *attempt, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case a.dies || a.ghost || err != nil:
	case a.activity == "Watch":
		l.learned()
	case a.activity == "Expose" && a.finished: // what was sent before is taken in before
		l.x.then(func() { l.handsOn() })
	}
}

func (l *law) handsOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handed = l.note("the launch has handed the pen on")
}

// learned notes that what was seen at the last tick is known.
func (l *law) learned() {
	if n := len(l.looks); n > 0 {
		l.knows(l.looks[n-1].tick)
	}
}

func (l *law) knows(tick int64) {
	for i := range l.looks {
		k := &l.looks[i]
		if k.tick != tick || k.known > 0 {
			continue
		}
		l.events++
		k.known = l.events
		if k.breach {
			l.halts(fmt.Sprintf("the breach of minute %d is known", l.minute(tick)))
		}
		for gate, ill := range k.ills {
			switch {
			case ill != outOfBounds:
			case l.action(gate) == rampart.ActHold && !l.lasts(gate, i):
				l.voids("gate " + gate + " is out of bounds")
			case l.action(gate) == rampart.ActStepBack && l.setback == nil:
				l.voids("gate " + gate + " is out of bounds")
				l.setback = &halt{why: fmt.Sprintf("the breach of minute %d", l.minute(tick)), at: l.events, age: l.x.age()}
			}
		}
	}
}

// lasts reports whether a gate was out of bounds at the look before, too.
func (l *law) lasts(gate string, i int) bool { return i > 0 && l.looks[i-1].ills[gate] == outOfBounds }
