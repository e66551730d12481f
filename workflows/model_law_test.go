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
	stored  registers // as last seen
	newest  int64     // version that was ever written
	at      int       // the place where the launch stands; -1: nobody was exposed yet
	since   map[int]time.Duration
	stopped *halt
	down    bool // the baseline was written after the halt
	meddled bool // somebody else has changed the flag since the launch wrote it last
	paused  bool
	held    bool // by a person
	pauses  []span
	moment  int // when the last pause or hold began
	wishes  []time.Duration
	consent []consent
	looks   []look
	kept    int64 // tick of the evidence that the store keeps
	handed  int   // when the launch heard that it had handed the pen on
}

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

type consent struct {
	rampart.Approval
	age    time.Duration
	void   bool
	queued bool // it may have waited for the store
}

// A look is one tick at which the gates were asked.
type look struct {
	tick   int64
	ills   map[string]illness
	known  int // when the product could no longer forget it; 0: it still can
	breach bool
}

func newLaw(x *telling, plan rampart.Plan) *law {
	l := &law{x: x, plan: plan, at: -1, firsts: map[string]int{}, since: map[int]time.Duration{}}
	var include []rampart.Rule
	for i, s := range plan.Stages {
		include = append(include, s.Include...)
		for j, st := range s.Steps {
			l.places = append(l.places, place{
				stage: i, phase: s.Phase, percent: st.Percent, include: rules(include), where: rules(s.Where),
				hold: st.Hold.D(), leased: s.Phase != rampart.Learning, enters: j == 0,
			})
		}
	}
	end := l.places[len(l.places)-1]
	end.percent, end.hold, end.leased, end.enters = plan.Finish.Percent, plan.Finish.Bake.D(), false, false
	l.places = append(l.places, end)
	return l
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
	for _, g := range l.plan.Gates {
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
			if ill == outOfBounds && l.action(gate) == rampart.ActHold && !l.lasts(gate, i) {
				l.voids("gate " + gate + " is out of bounds")
			}
		}
	}
}

// lasts reports whether a gate was out of bounds at the look before, too.
func (l *law) lasts(gate string, i int) bool { return i > 0 && l.looks[i-1].ills[gate] == outOfBounds }

func (l *law) voids(why string) {
	l.note("%s: approvals given so far are void", why)
	for i := range l.consent {
		l.consent[i].void = true
	}
}
