package activities

import (
	"fmt"
	"time"

	"github.com/rampart-dev/rampart"
)

// decide turns what is known after a look into a finding, or into none.
func decide(in WatchInput, m *Memory, tick time.Time, answering bool) Watched {
	if w := breached(in, m); w.Found != "" {
		return w
	}
	if mismatch(m.Verdict) && in.news(SampleRatio, m) {
		return Watched{Found: FoundHold, Cause: SampleRatio, Reason: m.Verdict.SampleRatio.Reason}
	}
	if w := unanswered(in, m, tick); w.Found != "" {
		return w
	}
	switch in.Mode {
	case Hold:
		if answering && !mismatch(m.Verdict) {
			return held(in, m)
		}
	case Shadow: // what could not be seen harms nobody
		if answering && m.Held >= in.Hold {
			return Watched{Found: FoundPass, Reason: m.Verdict.Reason}
		}
	case Advance:
		return advanced(in, m.Verdict)
	case Raise:
		if answering && !mismatch(m.Verdict) && !m.Verdict.Word.WorseThan(rampart.Undecided) {
			return Watched{Found: FoundPass, Reason: m.Verdict.Reason}
		}
	}
	return Watched{}
}

// breached finds the breach with the gravest action. One that only holds or
// notifies is told once for as long as it lasts, but an advance always hears of it.
func breached(in WatchInput, m *Memory) Watched {
	var milder, back Watched
	for _, g := range m.Verdict.Gates {
		cause := breachOf(g.Gate)
		switch {
		case g.Word != rampart.Breach:
		case g.Action == rampart.ActNotify:
			if milder.Found == "" && in.rings(cause, m) {
				milder = Watched{Found: FoundNotice, Gate: g.Gate, Cause: cause, Reason: g.Reason}
			}
		case g.Action == rampart.ActHold:
			if in.Mode != Guard || in.news(cause, m) {
				milder = Watched{Found: FoundHold, Gate: g.Gate, Cause: cause, Reason: g.Reason}
			}
		case g.Action == rampart.ActStepBack:
			back = Watched{Found: FoundBreach, Gate: g.Gate, Cause: cause, Reason: g.Reason, StepBack: true}
		default:
			return Watched{Found: FoundBreach, Gate: g.Gate, Cause: cause, Reason: g.Reason}
		}
	}
	if back.Found != "" {
		return back
	}
	return milder
}

// unanswered says whether nobody has answered, or data has been missing, for so
// long that the workflow must hear of it.
func unanswered(in WatchInput, m *Memory, tick time.Time) Watched {
	for _, x := range []struct {
		cause string
		found Finding
		after time.Duration
	}{{"blind", FoundBlind, in.Blind.After.D()}, {"no-data", FoundNoData, noDataPatience}} {
		since := time.UnixMilli(m.Lasting[x.cause])
		if in.news(x.cause, m) && tick.Sub(since) >= x.after {
			return Watched{Found: x.found, Gate: m.Verdict.Gate, Cause: x.cause,
				Reason: fmt.Sprintf("%s for %s: %s", x.cause, rampart.Duration(tick.Sub(since)), m.Verdict.Reason)}
		}
	}
	return Watched{}
}

// held says whether the hold is over.
func held(in WatchInput, m *Memory) Watched {
	if m.Held < in.Hold {
		return Watched{}
	}
	switch v := m.Verdict; v.Word {
	case rampart.Pass, rampart.NotApplicable:
		return Watched{Found: FoundPass, Reason: v.Reason}
	case rampart.Undecided:
		if m.Held >= in.mostUndecided() {
			return Watched{Found: FoundHold, Gate: v.Gate, Reason: fmt.Sprintf("undecided after %s: %s", m.Held, v.Reason)}
		}
	}
	return Watched{}
}

// mostUndecided is how long a hold may last while the gates could not have seen harm.
func (in WatchInput) mostUndecided() rampart.Duration {
	if in.Most > 0 {
		return in.Most
	}
	return 2 * in.Hold
}

// mismatch reports whether the arms do not have the units that they should have, which
// nobody has acknowledged. Then no comparison of the arms can be believed, and nothing
// is promoted on it.
func mismatch(v rampart.Verdict) bool { return v.SampleRatio != nil && v.SampleRatio.Mismatch }

// advanced says whether the hold may be ended now.
func advanced(in WatchInput, v rampart.Verdict) Watched {
	if mismatch(v) {
		return Watched{Found: FoundRefusal, Reason: "the sample ratio does not match: " + v.SampleRatio.Reason}
	}
	switch v.Word {
	case rampart.Pass, rampart.NotApplicable:
		return Watched{Found: FoundPass, Reason: v.Reason}
	case rampart.Undecided:
		if in.Accept {
			return Watched{Found: FoundPass, Reason: "undecided, and accepted so: " + v.Reason}
		}
	}
	return Watched{Found: FoundRefusal, Gate: v.Gate, Reason: fmt.Sprintf("%s: %s", v.Word, v.Reason)}
}
