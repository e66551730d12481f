package starter_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/flagstore"
	"github.com/rampart-dev/rampart/starter"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when everybody asks: a Tuesday afternoon.
var now = time.Date(2026, 3, 3, 14, 3, 15, 0, time.UTC)

func ago(d time.Duration) int64 { return now.Add(-d).UnixMilli() }

// ramping is a launch on the second day of the last step of debug.
func ramping(change func(*rampart.Progress)) *rampart.Progress {
	p := rampart.Progress{
		Flag: "checkout-v2", Environment: "production", Owner: "team-payments", StartedBy: "bob", StartedAt: ago(100 * time.Hour),
		Plan: rampart.Plan{
			Flag: "checkout-v2", Owner: "team-payments", Purpose: "One-page checkout",
			Gates: []rampart.Gate{
				{Name: "errors", Ratio: &rampart.Ratio{Events: "errors_total", Of: "requests_total"}},
				{Name: "db-pool", Threshold: &rampart.Threshold{Query: "db_pool_waiting"}, OnBreach: &rampart.Policy{Action: rampart.ActHold}},
			},
			Stages: []rampart.Stage{
				{Phase: rampart.TestInProduction, Include: []rampart.Rule{{Segment: "internal"}}},
				{Phase: rampart.Debug},
				{Phase: rampart.MaxPowerRamp, Approvals: &rampart.Approvals{Groups: []string{"product", "engineering"}}},
				{Phase: rampart.Scalability, Approvals: &rampart.Approvals{Count: 1}},
			},
		}.WithDefaults(),
		State: rampart.Watching, Phase: rampart.Debug, Step: 2, Exposure: 1000, Exposed: ago(90 * time.Hour),
		StepSince: ago(15 * time.Hour), Hold: rampart.Duration(24 * time.Hour), Held: rampart.Duration(14*time.Hour + 12*time.Minute),
		Verdict: &rampart.Verdict{Word: rampart.Holding, At: ago(10 * time.Second), Gates: []rampart.GateVerdict{{Gate: "errors"}, {Gate: "db-pool"}}},
	}
	change(&p)
	if p.Entered == 0 { // unless it stepped back to before the phase
		p.Entered = p.Plan.StageOf(p.Phase)
	}
	return &p
}

// frozen waits for the end of a freeze to enter the next phase.
func frozen(p *rampart.Progress) {
	p.State, p.WaitingFor, p.Note = rampart.Waiting, rampart.ForFreeze, "waits at 10 %: frozen until 2026-03-09: Easter peak"
	p.Plan.Calendar = &rampart.Calendar{Zone: "UTC", Promote: "mon-thu 09:00-16:00", Freeze: []rampart.Freeze{{From: "2026-03-02", Until: "2026-03-09"}}}
	p.Until = time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC).UnixMilli()
}

// cooling has stepped back from the last step of debug.
func cooling(p *rampart.Progress) {
	p.State, p.Step, p.Exposure, p.Attempt, p.Retries = rampart.Cooling, 1, 500, 1, 2
	p.Note, p.Until = "cooling down at 5 %, until 2026-03-03 18:00 UTC", now.Add(4*time.Hour).UnixMilli()
}

func asIs(*rampart.Progress) {}

func asking(p *rampart.Progress) {
	p.State, p.WaitingFor, p.Asking, p.Missing = rampart.Waiting, rampart.ForApproval, rampart.MaxPowerRamp, "product, engineering"
}

func verdict(word rampart.Word, reason string) func(*rampart.Progress) {
	return func(p *rampart.Progress) { p.Verdict.Word, p.Verdict.Reason = word, reason }
}

// entry is what the store has of a flag that no launch answers for.
func entry(exposure rampart.Percent, change func(*flagstore.Entry)) *flagstore.Entry {
	e := flagstore.Entry{Flag: rampart.Flag{Name: "checkout-v2", Version: 7, Exposure: exposure, Owner: "team-payments",
		ChangedAt: ago(26 * time.Hour), ChangedBy: "ann@example.com", Reason: "launched", RetireBy: "2027-03-31"}}
	change(&e)
	return &e
}

func kill(e *flagstore.Entry) {
	e.Kill = &rampart.Kill{Killed: true, By: "ann@example.com", Reason: "support queue on fire", At: ago(time.Minute)}
}

func lease(end time.Duration) func(*flagstore.Entry) {
	return func(e *flagstore.Entry) {
		e.Lease = &rampart.LeaseTerm{Version: e.Flag.Version, End: now.Add(end).UnixMilli()}
	}
}

func TestWhy(t *testing.T) {
	away := errors.New("Temporal at 127.0.0.1:7233 does not answer")
	var got strings.Builder
	for _, c := range []struct {
		name string
		starter.Situation
	}{
		{"a hold is under way", starter.Situation{Progress: ramping(asIs), Entry: entry(1000, lease(time.Hour))}},
		{"the hold is over but the gates could not have seen harm", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			verdict(rampart.Undecided, "errors has 12 % of the information that a pass needs")(p)
			p.Held = p.Hold
		})}},
		{"data is missing", starter.Situation{Progress: ramping(verdict(rampart.NoData, "errors: no series of requests_total"))}},
		{"the metrics do not answer", starter.Situation{Progress: ramping(verdict(rampart.Blind, "errors: prometheus at p:9090 does not answer"))}},
		{"nothing was looked at yet", starter.Situation{Progress: ramping(func(p *rampart.Progress) { p.Verdict, p.Step = nil, 0 })}},
		{"groups are asked", starter.Situation{Progress: ramping(asking)}},
		{"one of two groups has consented", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			asking(p)
			p.Missing = "engineering"
			p.Approvals = []rampart.Approval{{Phase: rampart.MaxPowerRamp, By: "eve", Group: "product", Note: "numbers are good", At: ago(time.Minute)}}
		})}},
		{"one person is asked", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.Phase, p.Step, p.Exposure = rampart.MaxPowerRamp, 0, 5000
			p.State, p.Asking, p.Missing = rampart.Waiting, rampart.Scalability, "1 person"
		})}},
		{"the parachute is waited for", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.WaitingFor, p.Note = rampart.Waiting, rampart.ForParachute, "parachute: waiting for the readers to confirm"
			p.Phase, p.Step, p.Exposure, p.StepSince, p.Exposed = rampart.TestInProduction, 0, 0, 0, 0
		})}},
		{"a freeze is waited for", starter.Situation{Progress: ramping(frozen)}},
		{"a requirement is waited for", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.WaitingFor, p.Note = rampart.Waiting, rampart.ForRequirement, "waits at 10 %: flag new-cart is not launched"
		})}},
		{"it cools down after a step back", starter.Situation{Progress: ramping(cooling)}},
		{"it may step back", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.Plan.Gates[0].OnBreach = &rampart.Policy{Action: rampart.ActStepBack, Attempts: 1}
			p.Retries = 1
		})}},
		{"internal people test", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.Phase, p.Step, p.Exposure, p.Hold = rampart.TestInProduction, 0, 0, rampart.Duration(48*time.Hour)
		})}},
		{"somebody paused it", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.Paused, "paused by ann at 10 %: lunch"
		})}},
		{"it is held after a breach that holds", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.Held, "held at 10 %: db-pool 61 > 50"
			verdict(rampart.Breach, "db-pool 61 > 50")(p)
		})}},
		{"it is held because the gates could not tell", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.Held, "held at 10 %: undecided after 2d: errors has 40 % of the information that a pass needs"
		})}},
		{"everybody is exposed and watched once more", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Baking, p.Phase, p.Step, p.Exposure = rampart.Baking, true, rampart.Scalability, 0, rampart.Full
		})}},
		{"it is turning back", starter.Situation{Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.TurningBack, "turning back: errors 4 % > 1 % for 2m"
		})}},
		{"it was turned back", starter.Situation{Entry: entry(0, func(e *flagstore.Entry) { e.Flag.Reason = "errors rose" }), Progress: ramping(func(p *rampart.Progress) {
			p.State = rampart.TurnedBack
			p.Outcome = &rampart.Outcome{Receipt: rampart.Receipt{Text: "checkout-v2 turned-back in debug: errors rose. Off everywhere 12:03:55 (42 of 42 readers)."}}
		})}},
		{"it is launched", starter.Situation{Entry: entry(rampart.Full, func(*flagstore.Entry) {}), Progress: ramping(func(p *rampart.Progress) {
			p.State = rampart.Launched
			p.Outcome = &rampart.Outcome{Receipt: rampart.Receipt{Text: "checkout-v2 is launched at 100 % after 12d"}}
		})}},
		{"its workflow was terminated", starter.Situation{Entry: entry(1000, lease(time.Hour)), Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = "terminated", "the workflow was ended from outside; nobody guards the exposure, until its lease ends"
		})}},
		{"it is killed while its launch turns back", starter.Situation{Entry: entry(1000, kill), Progress: ramping(func(p *rampart.Progress) {
			p.State, p.Note = rampart.TurningBack, "turning back: support queue on fire"
		})}},
		{"it is killed, and Temporal is away", starter.Situation{Entry: entry(0, kill), NoLaunch: away}},
		{"it ramps, and Temporal is away", starter.Situation{NoLaunch: away, Entry: entry(1000, func(e *flagstore.Entry) {
			e.Flag.Launch, e.Flag.Phase = "launch/production/checkout-v2", rampart.Debug
			lease(-time.Minute)(e)
		})}},
		{"the store is away", starter.Situation{Progress: ramping(asIs), NoStore: errors.New("redis at 127.0.0.1:6379 does not answer")}},
		{"it was never launched", starter.Situation{Entry: entry(0, func(e *flagstore.Entry) { e.Flag.Reason = "" })}},
		{"it is on for some by rule", starter.Situation{Entry: entry(0, func(e *flagstore.Entry) {
			e.Flag.Include = []rampart.Rule{{Segment: "internal"}}
		})}},
	} {
		c.Flag, c.Now = "checkout-v2", now
		write(&got, c.name, starter.Explain(c.Situation))
	}
	golden(t, "why.txt", got.String())
}

func write(b *strings.Builder, name string, a starter.Account) {
	fmt.Fprintf(b, "# %s\n", name)
	for _, part := range []struct {
		mark      string
		sentences []string
	}{{"stands ", a.Stands}, {"who    ", a.Who}, {"next   ", a.Next}, {"unknown", a.Unknown}} {
		for _, s := range part.sentences {
			fmt.Fprintf(b, "%s  %s\n", part.mark, s)
		}
	}
	fmt.Fprintln(b)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestWhatIsNextFitsIntoALine(t *testing.T) {
	for _, c := range []struct {
		name   string
		launch *rampart.Progress
		want   string
	}{
		{"the next step of the same phase", ramping(func(p *rampart.Progress) { p.Step, p.Held = 0, 0 }), "5 %, Wed 14:03"},
		{"the next phase, which needs groups", ramping(asIs), "max-power-ramp, 23:51:05; waits for product, engineering"},
		{"a hold that is over", ramping(func(p *rampart.Progress) { p.Held = p.Hold }), "max-power-ramp, once the gates pass; waits for product, engineering"},
		{"consent that is missing", ramping(asking), "max-power-ramp; waits for product, engineering"},
		{"hours that are awaited", ramping(func(p *rampart.Progress) {
			p.Plan.Calendar = &rampart.Calendar{Zone: "UTC", Promote: "mon-thu 09:00-16:00"}
		}), "max-power-ramp, Wed 09:00; waits for product, engineering"},
		{"a freeze", ramping(frozen), "max-power-ramp, Mon 09:00; waits for product, engineering"},
		{"a cool-down", ramping(cooling), "10 %, 18:03:15"},
		{"a pause", ramping(func(p *rampart.Progress) { p.State = rampart.Paused }), "max-power-ramp; waits for rampart resume checkout-v2"},
		{"a decision", ramping(func(p *rampart.Progress) { p.State = rampart.Held }), "max-power-ramp; waits for a person's decision"},
		{"the end of the plan", ramping(func(p *rampart.Progress) { p.Phase, p.Step, p.Exposure = rampart.Scalability, 0, 7500 }), "finish at 100 %, 23:51:05"},
		{"the last watch", ramping(func(p *rampart.Progress) { p.State, p.Baking, p.Exposure = rampart.Baking, true, rampart.Full }), "launched, 23:51:05"},
		{"a phase that was entered, but is not exposed yet", ramping(func(p *rampart.Progress) {
			p.State, p.Phase, p.Entered, p.Step = rampart.Paused, rampart.MaxPowerRamp, 2, 0
		}), "50 %; waits for rampart resume checkout-v2"},
		{"a finish that the store has not taken yet", ramping(func(p *rampart.Progress) { p.State, p.Baking = rampart.Waiting, true }), "finish at 100 %"},
		{"an ending", ramping(func(p *rampart.Progress) { p.State = rampart.Launched }), ""},
		{"a turning back", ramping(func(p *rampart.Progress) { p.State = rampart.TurningBack }), ""},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, starter.NextInWords(*c.launch, now)) })
	}
}

func TestMomentsAreWrittenAsTheyAreSpokenOf(t *testing.T) {
	for _, c := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"today", now.Add(-3 * time.Hour), "11:03:15"},
		{"in a minute", now.Add(time.Minute), "14:04:15"},
		{"this week", now.AddDate(0, 0, 2), "Thu 14:03"},
		{"this year", now.AddDate(0, 2, 0), "Sun 3 May 14:03"},
		{"another year", now.AddDate(1, 0, 0), "3 Mar 2027 14:03"},
		{"another zone", now.In(time.FixedZone("CET", 3600)), "14:03:15"},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, starter.Moment(c.at, now)) })
	}
}
