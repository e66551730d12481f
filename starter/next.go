package starter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rampart-dev/rampart"
)

// A Raise is what a launch does next where nothing stands against it.
type Raise struct {
	Phase   rampart.Phase      `json:"phase,omitempty"` // empty: the launch is over
	Percent rampart.Percent    `json:"percent"`
	Hold    rampart.Duration   `json:"hold,omitempty"`
	Bake    bool               `json:"bake,omitempty"`    // the last watch, with the holdout released
	Consent *rampart.Approvals `json:"consent,omitempty"` // that the phase needs first
	At      time.Time          `json:"at,omitzero"`       // the earliest; zero: a person or the gates decide when
}

// NextRaise tells what a launch does next. It is false where the launch has ended
// or is turning back.
func NextRaise(p rampart.Progress) (Raise, bool) {
	if p.State.Ended() || Broken(p.State) || p.State == rampart.TurningBack {
		return Raise{}, false
	}
	r := following(p)
	switch {
	case p.State == rampart.Watching || p.State == rampart.Baking:
		r.At = opens(p, holdEnds(p), r.Phase == "")
	case p.Until > 0:
		r.At = opens(p, time.UnixMilli(p.Until), false)
	}
	return r, true
}

// opens returns when the calendar lets exposure be raised, not before a time; to end a
// launch well it is not asked.
func opens(p rampart.Progress, t time.Time, ends bool) time.Time {
	if ends {
		return t
	}
	open, err := p.Plan.Calendar.Opens(t)
	if err != nil {
		return t
	}
	return open.At
}

// following finds the step behind the one that the launch stands on.
func following(p rampart.Progress) Raise {
	stages := p.Plan.Stages
	at := slices.IndexFunc(stages, func(s rampart.Stage) bool { return s.Phase == p.Phase })
	switch {
	case p.Baking && p.Exposure >= finishes(p).Percent:
		return Raise{Percent: p.Exposure}
	case p.Baking: // the store has yet to take it
		return finishes(p)
	case p.Asking != "":
		at = slices.IndexFunc(stages, func(s rampart.Stage) bool { return s.Phase == p.Asking })
		return enters(stages, at)
	case p.StepName == "shadow": // which nobody is exposed in, nor asked after
		first := enters(stages, at)
		first.Consent = nil
		return first
	case p.StepSince == 0 || at > p.Entered:
		return enters(stages, at)
	case at >= 0 && p.Step < len(stages[at].Steps) && p.Exposure < stages[at].Steps[p.Step].Percent:
		next := stages[at].Steps[p.Step] // which was entered, and is not exposed yet
		return Raise{Phase: p.Phase, Percent: next.Percent, Hold: next.Hold}
	case at >= 0 && p.Step+1 < len(stages[at].Steps):
		next := stages[at].Steps[p.Step+1]
		return Raise{Phase: p.Phase, Percent: next.Percent, Hold: next.Hold}
	case at >= 0 && at+1 < len(stages):
		return enters(stages, at+1)
	}
	return finishes(p)
}

func finishes(p rampart.Progress) Raise {
	end := rampart.Finish{Percent: rampart.Full}
	if p.Plan.Finish != nil {
		end = *p.Plan.Finish
	}
	return Raise{Phase: p.Phase, Percent: end.Percent, Hold: end.Bake, Bake: true}
}

func enters(stages []rampart.Stage, at int) Raise {
	if at < 0 || len(stages[at].Steps) == 0 {
		return Raise{}
	}
	s := stages[at]
	r := Raise{Phase: s.Phase, Percent: s.Steps[0].Percent, Hold: s.Steps[0].Hold}
	if s.Approvals.Needed() > 0 {
		r.Consent = s.Approvals
	}
	return r
}

// holdEnds tells when the hold is over at the earliest: what is left of it, from
// the last look at the gates on, because only answered time counts.
func holdEnds(p rampart.Progress) time.Time {
	from := p.StepSince
	if p.Verdict != nil && p.Verdict.At > from {
		from = p.Verdict.At
	}
	return time.UnixMilli(from).Add(max(0, p.Hold.D()-p.Held.D()))
}

// words says the raise in a few words: "max-power-ramp, Mon 09:00; waits for product".
func (r Raise) words(p rampart.Progress, now time.Time) string {
	var s string
	switch {
	case r.Phase == "":
		s = "launched"
	case r.Bake:
		s = "finish at " + r.Percent.String()
	case r.Phase == p.Phase && p.Asking == "":
		s = r.Percent.String()
	default:
		s = string(r.Phase)
	}
	switch {
	case r.At.IsZero():
	case r.At.After(now):
		s += ", " + Moment(r.At, now)
	default:
		s += ", once the gates pass"
	}
	if waits := waitsFor(p, r); waits != "" {
		s += "; waits for " + waits
	}
	return s
}

// NextInWords says what a launch does next, and what for it waits until then, in a
// line. It is empty where there is nothing next.
func NextInWords(p rampart.Progress, now time.Time) string {
	r, ok := NextRaise(p)
	if !ok {
		return ""
	}
	return r.words(p, now)
}

// waitsFor says whose decision the next raise needs.
func waitsFor(p rampart.Progress, r Raise) string {
	switch {
	case p.State == rampart.Paused:
		return "rampart resume " + p.Flag
	case p.State == rampart.Held:
		return "a person's decision"
	case p.WaitingFor == rampart.ForParachute:
		return "the readers to confirm"
	case p.Asking != "":
		return p.Missing
	}
	return Consenting(r.Consent)
}

// Consenting names those who must approve.
func Consenting(a *rampart.Approvals) string {
	switch {
	case a.Needed() == 0:
		return ""
	case a.Needed() > len(a.Groups) && len(a.Groups) > 0: // after an amendment
		return fmt.Sprintf("%s, %d people in all", strings.Join(a.Groups, ", "), a.Needed())
	case len(a.Groups) > 0:
		return strings.Join(a.Groups, ", ")
	case a.Count == 1:
		return "1 person"
	}
	return fmt.Sprintf("%d people", a.Count)
}

// Moment writes a point in time as a person would who knows what time it is: the
// time of today, the weekday within a week, else the date.
func Moment(t, now time.Time) string {
	t = t.In(now.Location())
	away := t.Sub(now).Abs()
	switch sameDay := t.Format(time.DateOnly) == now.Format(time.DateOnly); {
	case sameDay || away < time.Hour:
		return t.Format("15:04:05")
	case away < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	case t.Year() == now.Year():
		return t.Format("Mon 2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}
