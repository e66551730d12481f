package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/rampart-dev/rampart"
)

// A story is everything that is drawn for one launch of the model: the plan, what the
// metrics do, what people ask for, and what breaks. The launch itself draws nothing,
// so a story can be told again, and made shorter until every line of it is needed.
type story struct {
	plan      rampart.Plan
	spells    []spell
	approvers []approver
	deeds     []deed
	outages   []outage
	mishaps   []mishap
	slips     []slip
	from      rampart.Phase // of a relaunch
	decision  rampart.DecisionWord
	caretaker time.Duration // after which somebody resumes what is paused or held; 0: nobody does
}

const (
	tick    = time.Minute // between two looks at the gates
	evening = 50 * tick   // by when whatever still walks is turned back by hand
	rita    = "rita"
)

// A spell is a time in which a gate's metric is not well.
type spell struct {
	gate string
	ill  illness
	from int // tick, counted from the start of the launch
	last int // ticks
}

type illness string

const (
	outOfBounds illness = "is out of bounds"
	noData      illness = "has no data"
	blind       illness = "cannot be asked"
)

// An approver consents whenever the launch asks, each time so often.
type approver struct {
	by, group string
	after     time.Duration
	times     int
	another   bool // approves another phase than the one that is asked for
}

// A deed is what somebody does once: at a time, or in mid-air, after so many attempts
// of an activity and before the launch has heard of the last.
type deed struct {
	what   string
	at     time.Duration
	midAir string // name of an activity
	nth    int
	detail int // chooses among the ways to do it
	stage  int // of the plan, of an amendment
}

// An outage is a time in which the store does not answer the product.
type outage struct{ from, last time.Duration }

// A mishap befalls one attempt of an activity.
type mishap struct {
	activity string
	nth      int
	how      string
	after    time.Duration // of a zombie
}

const (
	diesBefore = "dies before it has done anything"
	diesAfter  = "does its work and dies before it can tell"
	zombie     = "is taken for dead, and does its work all the same"
)

// A slip befalls one command to the store.
type slip struct {
	nth  int
	lost bool // done, but the answer is lost; otherwise it is not done
}

func drawStory(t *rapid.T) story {
	s := story{plan: drawPlan(t)}
	if n := len(s.plan.Stages); n > 1 && rapid.IntRange(0, 9).Draw(t, "relaunch") == 9 {
		s.from = s.plan.Stages[rapid.IntRange(1, n-1).Draw(t, "from")].Phase
	}
	s.spells = rapid.SliceOfN(rapid.Custom(drawSpell), 0, 3).Draw(t, "spells")
	s.approvers = rapid.SliceOfN(rapid.Custom(drawApprover), 0, 3).Draw(t, "approvers")
	if rapid.IntRange(0, 2).Draw(t, "consent") > 0 {
		s.approvers = append(s.approvers, approver{by: "pia", group: "product", times: 1}, approver{by: "eve", group: "engineering", times: 1})
	}
	s.deeds = rapid.SliceOfN(rapid.Custom(drawDeed), 0, 6).Draw(t, "deeds")
	s.outages = rapid.SliceOfN(rapid.Custom(drawOutage), 0, 2).Draw(t, "outages")
	s.mishaps = rapid.SliceOfN(rapid.Custom(drawMishap), 0, 4).Draw(t, "mishaps")
	s.slips = rapid.SliceOfN(rapid.Custom(drawSlip), 0, 4).Draw(t, "slips")
	s.decision = rapid.SampledFrom([]rampart.DecisionWord{rampart.Ship, rampart.Inconclusive, rampart.NoEffect, rampart.Regress}).Draw(t, "decision")
	s.caretaker = rapid.SampledFrom([]time.Duration{0, 90 * time.Second, 4 * time.Minute}).Draw(t, "caretaker")
	return s
}

func drawSpell(t *rapid.T) spell {
	return spell{
		gate: rapid.SampledFrom([]string{"errors", "pool", "chatter", "extra", requirement}).Draw(t, "gate"),
		ill:  rapid.SampledFrom([]illness{outOfBounds, noData, blind}).Draw(t, "ill"),
		from: rapid.IntRange(0, 30).Draw(t, "from"),
		last: rapid.IntRange(1, 6).Draw(t, "last"),
	}
}

func drawApprover(t *rapid.T) approver {
	return approver{
		by:      rapid.SampledFrom([]string{"ann", "bo", "cy", rita}).Draw(t, "by"),
		group:   rapid.SampledFrom([]string{"product", "engineering", "", "sales"}).Draw(t, "group"),
		after:   time.Duration(rapid.IntRange(0, 5).Draw(t, "after")) * 25 * time.Second,
		times:   rapid.IntRange(1, 2).Draw(t, "times"),
		another: rapid.IntRange(0, 7).Draw(t, "another") == 7,
	}
}

func drawDeed(t *rapid.T) deed {
	d := deed{what: rapid.SampledFrom(deedNames).Draw(t, "what"), detail: rapid.IntRange(0, 11).Draw(t, "detail"), stage: rapid.IntRange(0, 2).Draw(t, "stage")}
	if d.midAir = rapid.SampledFrom([]string{"", "", "Expose", "Watch", "Acquire", "VerifyApproval"}).Draw(t, "midAir"); d.midAir == "" {
		// Never on a tick, so that it is plain what came first.
		d.at = time.Duration(rapid.IntRange(0, 35*4).Draw(t, "at"))*15*time.Second + 7*time.Second
	} else {
		d.nth = rapid.IntRange(1, 12).Draw(t, "nth")
	}
	return d
}

func drawOutage(t *rapid.T) outage {
	return outage{
		from: time.Duration(rapid.IntRange(0, 30*4).Draw(t, "from"))*15*time.Second + 3*time.Second,
		last: time.Duration(rapid.IntRange(1, 12).Draw(t, "last")) * 15 * time.Second,
	}
}

func drawMishap(t *rapid.T) mishap {
	m := mishap{
		activity: rapid.SampledFrom([]string{"Expose", "Watch", "Acquire", "VerifyApproval", "Retake", "Confirm", "Recall", "Notify"}).Draw(t, "activity"),
		nth:      rapid.IntRange(1, 12).Draw(t, "nth"),
		how:      rapid.SampledFrom([]string{diesBefore, diesAfter, zombie}).Draw(t, "how"),
	}
	m.after = time.Duration(rapid.IntRange(1, 40).Draw(t, "after")) * 20 * time.Second
	return m
}

func drawSlip(t *rapid.T) slip {
	return slip{nth: rapid.IntRange(1, 150).Draw(t, "nth"), lost: rapid.Bool().Draw(t, "lost")}
}

// ill returns what is wrong with a gate's metric at a tick, or "".
func (s story) ill(gate string, tick int) illness {
	for _, x := range s.spells {
		if x.gate == gate && tick >= x.from && tick < x.from+x.last {
			return x.ill
		}
	}
	return ""
}

func (s story) out(at time.Duration) bool {
	return slices.ContainsFunc(s.outages, func(o outage) bool { return at >= o.from && at < o.from+o.last })
}

// String tells the story in words.
func (s story) String() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	say("%s starts the launch of %s; the gates are looked at every %s", rita, s.plan.Flag, s.plan.Every)
	if s.from != "" {
		say("it begins with %s", s.from)
	}
	if s.plan.Calendar != nil {
		say("the calendar: %s", s.plan.Calendar.Promote)
	}
	for _, r := range s.plan.Requires {
		say("it requires %q", r.Query)
	}
	for _, g := range s.plan.Gates {
		say("gate %s, at a breach: %v", g.Name, onBreach(g))
	}
	for _, st := range s.plan.Stages {
		steps, _ := json.Marshal(st.Steps)
		say("stage %s: steps %s, approvals %+v, include %v, where %v", st.Phase, steps, *st.Approvals, st.Include, st.Where)
	}
	say("finish: %s, bake %s; a blind gate: %s after %s", s.plan.Finish.Percent, s.plan.Finish.Bake, s.plan.OnBlind.Action, s.plan.OnBlind.After)
	if s.plan.Lease != nil {
		say("after a lease that has ended: %s", s.plan.Lease.OnEnd)
	}
	if len(s.plan.Goals) > 0 {
		say("shadow: %s; the ramp comes to the decision %s", s.plan.Shadow, s.decision)
	}
	for _, x := range s.spells {
		say("gate %s %s from minute %d on, for %d ticks", x.gate, x.ill, x.from, x.last)
	}
	for _, a := range s.approvers {
		say("%s, of group %q, approves %s after being asked, %d times; another phase: %v", a.by, a.group, a.after, a.times, a.another)
	}
	for _, d := range s.deeds {
		if d.midAir != "" {
			say("during attempt %d of %s: %s (%d, %d)", d.nth, d.midAir, d.what, d.detail, d.stage)
		} else {
			say("after %s: %s (%d, %d)", d.at, d.what, d.detail, d.stage)
		}
	}
	for _, o := range s.outages {
		say("after %s the store does not answer for %s", o.from, o.last)
	}
	for _, m := range s.mishaps {
		say("attempt %d of %s %s (%s later)", m.nth, m.activity, m.how, m.after)
	}
	for _, x := range s.slips {
		say("command %d to the store is not done, or (%v) its answer is lost", x.nth, x.lost)
	}
	if s.caretaker > 0 {
		say("somebody resumes the launch when it has been paused or held for %s", s.caretaker)
	}
	return b.String()
}

func onBreach(g rampart.Gate) rampart.Action {
	if g.OnBreach == nil {
		return rampart.ActTurnBack
	}
	return g.OnBreach.Action
}
