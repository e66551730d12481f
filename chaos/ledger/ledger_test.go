package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/chaos/ledger"
)

const (
	env  = "chaos"
	flag = "f"
)

// plan has rungs at 10, 50 (two people), 90 and 100 percent, each held for a second.
func plan() rampart.Plan {
	second := rampart.Duration(1e9)
	return rampart.Plan{
		Flag: flag, Owner: "o", Purpose: "p", Environment: env,
		Stages: []rampart.Stage{
			{Phase: rampart.Debug, Steps: []rampart.Step{{Percent: 1000, Hold: second}}},
			{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{Count: 2}, Steps: []rampart.Step{{Percent: 5000, Hold: second}}},
			{Phase: rampart.Learning, Steps: []rampart.Step{{Percent: 9000, Hold: second}}},
		},
		Gates: []rampart.Gate{{Name: "errors", OnBreach: &rampart.Policy{
			Action: rampart.ActStepBack, CoolDown: second, Attempts: 1,
		}}},
		Finish: &rampart.Finish{Percent: rampart.Full, Bake: second},
	}
}

// A tale is a ledger in which a launch was started at 1000.
type tale struct {
	*ledger.Ledger
	walk *ledger.Walk
}

func newTale() tale {
	l := &ledger.Ledger{Book: &ledger.Book{}, Environment: env}
	return tale{l, l.Start(plan(), "", 1000)}
}

// launch and flag write as the launch and as the flag's own workflow, decided a
// little before.
func (t tale) launch(verb string, percent rampart.Percent, at int64) {
	t.Wrote(rampart.Event{Flag: flag, Verb: verb, Exposure: percent, Version: at - 10, At: at, Owner: rampart.LaunchID(env, flag)})
}

func (t tale) flag(verb string, percent rampart.Percent, at int64) {
	t.Wrote(rampart.Event{Flag: flag, Verb: verb, Exposure: percent, Version: at - 10, At: at, Owner: rampart.FlagID(env, flag)})
}

func (t tale) consent(at int64, people ...string) {
	for _, who := range people {
		t.Consent(t.walk, rampart.Approval{Phase: rampart.MaxPowerRamp, By: who}, at)(at + 10)
	}
}

// amend makes half 40 percent, and asks for nobody's consent.
func (t tale) amend(at int64) {
	p := plan()
	p.Stages[1] = rampart.Stage{Phase: rampart.MaxPowerRamp, Steps: []rampart.Step{{Percent: 4000, Hold: rampart.Duration(1e9)}}}
	t.Amend(t.walk, p, rampart.MaxPowerRamp, at)(at + 50)
}

// toTen is the beginning of all that goes well.
func (t tale) toTen() {
	t.flag("create", 0, 900)
	t.launch("acquire", 0, 1020)
	t.launch("expose", 1000, 1100)
}

func (t tale) toTheEnd() {
	t.toTen()
	t.consent(2000, "ann", "eve")
	t.launch("expose", 5000, 2200)
	t.launch("expose", 9000, 3300)
	t.launch("expose", 10000, 4400)
	t.launch("finish", 10000, 5500)
}

func (t tale) sees(version int64, served rampart.Percent, why rampart.Reason, at int64) {
	t.Saw("reader/1", ledger.Sight{Flag: flag, Version: version, Served: served, Nested: true, Reason: why.String(), At: at})
}

// Each case breaks one promise, and the ledger must say which; an observer that
// never complains is worth nothing.
func TestLedgerTellsWhichPromiseWasBroken(t *testing.T) {
	split, dead := rampart.ReasonSplit, rampart.ReasonKilled
	for _, c := range []struct {
		name string
		want ledger.Rule // empty: none was
		tell func(tale)
	}{
		{"a launch that goes well", "", func(l tale) {
			l.toTheEnd()
			l.End(l.walk, rampart.Outcome{State: rampart.Launched}, 5600)
			l.flag("restore", 10000, 7000)
			l.flag("disable", 0, 8000)
		}},
		{"a launch that is turned back", "", func(l tale) {
			l.toTen()
			l.Ask(l.walk, ledger.ByTurnBack, 1500)
			l.Acknowledge(l.walk, ledger.ByTurnBack, 1510)
			l.launch("turn-back", 0, 1600)
			l.End(l.walk, rampart.Outcome{State: rampart.TurnedBack, Cause: rampart.CausePerson}, 1700)
			l.flag("restore", 0, 1800)
		}},
		{"the same document again after a loss", "", func(l tale) {
			l.toTen()
			l.Emptied(1200)
			l.launch("acquire", 0, 1300)
			l.launch("restore", 1000, 1400)
		}},
		{"writes that an emptied store has lost", "", func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.Emptied(3000)
			l.launch("restore", 9000, 3100)
		}},
		{"a raise that was under way when its launch was turned back", "", func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.Ask(l.walk, ledger.ByTurnBack, 2290)
			l.Acknowledge(l.walk, ledger.ByTurnBack, 2295)
			l.launch("expose", 5000, 2300)
			l.launch("turn-back", 0, 2400)
		}},
		{"a step back, and another time with new consent", "", func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("step-back", 1000, 2900)
			l.consent(3000, "ann", "eve")
			l.launch("expose", 5000, 3950)
		}},
		{"an amended plan, with the consent that it needs", "", func(l tale) {
			l.toTen()
			l.amend(1500)
			l.consent(1600, "ann", "eve")
			l.launch("expose", 4000, 2200)
			l.launch("expose", 9000, 3300)
		}},
		{"a relaunch from the phase before", "", func(l tale) {
			l.toTen()
			l.launch("turn-back", 0, 1600)
			l.walk = l.Start(plan(), rampart.Learning, 2000)
			l.launch("acquire", 0, 2100)
			l.Consent(l.walk, rampart.Approval{Phase: rampart.Learning, By: "ann"}, 2200)
			l.launch("expose", 9000, 2300)
		}},

		{"stepping back twice, where once is planned", ledger.Backed, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("step-back", 1000, 2900)
			l.launch("step-back", 0, 3900)
		}},
		{"lower without a reason", ledger.Backed, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("expose", 1000, 2900)
		}},
		{"again with the consent of before the step back", ledger.Allowed, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("step-back", 1000, 2900)
			l.launch("expose", 5000, 3950)
		}},
		{"before it has cooled down", ledger.InOrder, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("step-back", 1000, 2900)
			l.consent(3000, "ann", "eve")
			l.launch("expose", 5000, 3500)
		}},
		{"an amended plan with less consent", ledger.Allowed, func(l tale) {
			l.toTen()
			l.amend(1500)
			l.consent(1600, "ann")
			l.launch("expose", 4000, 2200)
		}},
		{"an amended plan with the consent to the one before", ledger.Allowed, func(l tale) {
			l.toTen()
			l.consent(1400, "ann", "eve")
			l.amend(1500)
			l.launch("expose", 4000, 2200)
		}},
		{"the plan of before the amendment", ledger.InOrder, func(l tale) {
			l.toTen()
			l.amend(1500)
			l.consent(1600, "ann", "eve")
			l.launch("expose", 5000, 2200)
		}},
		{"a relaunch without consent", ledger.Allowed, func(l tale) {
			l.toTen()
			l.launch("turn-back", 0, 1600)
			l.walk = l.Start(plan(), rampart.Learning, 2000)
			l.launch("acquire", 0, 2100)
			l.launch("expose", 9000, 2300)
		}},
		{"without any consent", ledger.Allowed, func(l tale) { l.toTen(); l.launch("expose", 5000, 2200) }},
		{"with the consent of one of two", ledger.Allowed, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "ann")
			l.launch("expose", 5000, 2200)
		}},
		{"before the consent is given", ledger.Allowed, func(l tale) {
			l.toTen()
			l.consent(2300, "ann", "eve")
			l.launch("expose", 5000, 2200)
		}},
		{"published without consent", ledger.Allowed, func(l tale) { l.toTen(); l.Published(flag, 1200, 5000, 1300) }},
		{"past a step", ledger.InOrder, func(l tale) {
			l.toTen()
			l.consent(2000, "ann", "eve")
			l.launch("expose", 9000, 2200)
		}},
		{"before the hold is over", ledger.InOrder, func(l tale) {
			l.toTen()
			l.consent(1200, "ann", "eve")
			l.launch("expose", 5000, 2000)
		}},
		{"without the pen", ledger.InOrder, func(l tale) { l.launch("expose", 1000, 1100) }},
		{"after it was turned back", ledger.Stopped, func(l tale) {
			l.toTen()
			l.launch("turn-back", 0, 1600)
			l.launch("expose", 1000, 1700)
		}},
		{"decided after it was turned back", ledger.Stopped, func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.Acknowledge(l.walk, ledger.ByTurnBack, 2000)
			l.launch("expose", 5000, 2300)
		}},
		{"after the store had a kill", ledger.Stopped, func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.Acknowledge(l.walk, ledger.ByKill, 2295)
			l.launch("expose", 5000, 2300)
		}},
		{"twice since the on arm fails", ledger.Harmed, func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.Harm(l.walk, 1600)
			l.launch("expose", 5000, 2200)
			l.launch("expose", 9000, 3300)
		}},
		{"the holdout early", ledger.Holdout, func(l tale) {
			l.toTen()
			l.consent(1500, "ann", "eve")
			l.launch("expose", 5000, 2200)
			l.launch("expose", 10000, 3300)
		}},
		{"by somebody else", ledger.Penned, func(l tale) {
			l.toTen()
			l.Wrote(rampart.Event{Flag: flag, Verb: "expose", Exposure: 1000, Version: 1200, At: 1210, Owner: "launch/other/f"})
		}},
		{"by the flag's own workflow after a turning back", ledger.Penned, func(l tale) {
			l.toTen()
			l.launch("turn-back", 0, 1600)
			l.flag("restore", 1000, 1700)
		}},
		{"by a launch that has ended", ledger.Penned, func(l tale) {
			l.toTen()
			l.launch("turn-back", 0, 1600)
			l.End(l.walk, rampart.Outcome{State: rampart.TurnedBack, Cause: rampart.CauseBreach}, 1700)
			l.launch("turn-back", 0, 1800)
		}},
		{"a version again with other content", ledger.Forward, func(l tale) {
			l.toTen()
			l.Wrote(rampart.Event{Flag: flag, Verb: "expose", Exposure: 0, Version: 1090, At: 1200, Owner: rampart.LaunchID(env, flag)})
		}},

		{"a reader above the consents", ledger.Served, func(l tale) { l.toTen(); l.sees(1090, 5000, split, 1200) }},
		{"a reader above what was written", ledger.Faithful, func(l tale) {
			l.toTen()
			l.consent(1100, "ann", "eve")
			l.sees(1090, 5000, split, 1200)
		}},
		{"a reader above what was written, as is told later", ledger.Faithful, func(l tale) {
			l.consent(1050, "ann", "eve")
			l.sees(1090, 5000, split, 1095)
			l.toTen()
		}},
		{"a reader that goes back", ledger.Onward, func(l tale) { l.toTen(); l.sees(1090, 1000, split, 1200); l.sees(1010, 0, split, 1300) }},
		{"a reader that forgets a kill", ledger.Dead, func(l tale) { l.toTen(); l.sees(1090, 0, dead, 1200); l.sees(1090, 1000, split, 1300) }},
		{"a reader that serves past its lease", ledger.Leased, func(l tale) {
			l.toTen()
			l.Lease(rampart.LeaseTerm{Flag: flag, Version: 1090, End: 2000})
			l.sees(1090, 1000, split, 2001+ledger.LeaseSlack)
		}},
		{"a user who is off above another who is on", ledger.Nested, func(l tale) {
			l.toTen()
			l.Saw("reader/1", ledger.Sight{Flag: flag, Version: 1090, Served: 1000, At: 1200})
		}},

		{"the same look again", "", func(l tale) { l.Look(l.walk, 2000, 1, 2001); l.Look(l.walk, 2000, 1, 2002) }},
		{"a tick twice", ledger.Ticks, func(l tale) { l.Look(l.walk, 2000, 1, 2001); l.Look(l.walk, 2000, 2, 2002) }},
		{"a tick that goes back", ledger.Ticks, func(l tale) { l.Look(l.walk, 3000, 2, 3001); l.Look(l.walk, 2000, 3, 3002) }},
		{"launched though it was turned back", ledger.Fits, func(l tale) {
			l.toTheEnd()
			l.Acknowledge(l.walk, ledger.ByTurnBack, 3000)
			l.End(l.walk, rampart.Outcome{State: rampart.Launched}, 5600)
		}},
		{"launched though its on arm failed", ledger.Fits, func(l tale) {
			l.toTen()
			l.Harm(l.walk, 1200)
			l.End(l.walk, rampart.Outcome{State: rampart.Launched}, 5600)
		}},
		{"killed by nobody", ledger.Fits, func(l tale) { l.toTen(); l.End(l.walk, rampart.Outcome{State: rampart.Killed}, 2000) }},
		{"superseded", ledger.Fits, func(l tale) { l.toTen(); l.End(l.walk, rampart.Outcome{State: rampart.Superseded}, 2000) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTale()
			c.tell(l)
			l.Settle()
			broken := l.Book.Violations()
			if c.want == "" {
				require.Empty(t, broken)
				return
			}
			require.NotEmpty(t, broken)
			require.Equal(t, c.want, broken[0].Rule, broken)
		})
	}
}

func TestEveryCheckIsCounted(t *testing.T) {
	l := newTale()
	l.toTen()
	checked, broken := l.Book.Checks(ledger.Allowed)
	require.Equal(t, 1, checked)
	require.Zero(t, broken)
}
